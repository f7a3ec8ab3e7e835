package avro

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"
)

func TestSchemaCache_SharesOneRequest(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cache := newSchemaCache()
		calls, answer := 0, make(chan struct{})
		fetch := func() (string, error) {
			calls++
			<-answer
			return "schema", nil
		}
		results := make(chan string, 10)
		for range cap(results) {
			go func() {
				text, err := cache.get(t.Context(), 1, fetch)
				if err != nil {
					t.Error(err)
				}
				results <- text
			}()
		}
		synctest.Wait() // all wait, one of them for the answer
		close(answer)
		for range cap(results) {
			if text := <-results; text != "schema" {
				t.Errorf("got %q", text)
			}
		}
		if calls != 1 {
			t.Errorf("made %d requests", calls)
		}
	})
}

func TestSchemaCache_OutlivesACallerWhoGivesUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cache := newSchemaCache()
		ctx, giveUp := context.WithCancel(t.Context())
		first := make(chan error, 1)
		go func() {
			_, err := cache.get(ctx, 1, func() (string, error) {
				<-ctx.Done()
				return "", asKind(ErrUnavailable, ctx.Err())
			})
			first <- err
		}()
		synctest.Wait()

		second := make(chan string, 1)
		go func() {
			text, err := cache.get(t.Context(), 1, func() (string, error) { return "schema", nil })
			if err != nil {
				t.Error(err)
			}
			second <- text
		}()
		impatient, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if _, err := cache.get(impatient, 1, nil); !errors.Is(err, context.DeadlineExceeded) || Permanent(err) {
			t.Errorf("a caller who waits for another one: got %v", err)
		}
		giveUp()
		if err := <-first; !errors.Is(err, context.Canceled) || !errors.Is(err, ErrUnavailable) {
			t.Errorf("the caller who gave up: got %v", err)
		}
		if text := <-second; text != "schema" {
			t.Errorf("got %q", text)
		}
	})
}

func TestSchemaCache_SharesFailuresWithoutKeepingThem(t *testing.T) {
	cache := newSchemaCache()
	calls := 0
	fetch := func() (string, error) {
		calls++
		return "", ErrUnavailable
	}
	for range 2 {
		if _, err := cache.get(t.Context(), 1, fetch); !errors.Is(err, ErrUnavailable) {
			t.Errorf("got %v", err)
		}
	}
	if calls != 2 {
		t.Errorf("made %d requests, want one each time", calls)
	}
}

func TestSchemaCache_RemembersMissingIdsForAWhile(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cache := newSchemaCache()
		calls := 0
		fetch := func() (string, error) {
			calls++
			return "", ErrUnknownSchema
		}
		for range 3 {
			if _, err := cache.get(t.Context(), 1, fetch); !errors.Is(err, ErrUnknownSchema) {
				t.Errorf("got %v", err)
			}
		}
		if calls != 1 {
			t.Errorf("made %d requests at once", calls)
		}
		time.Sleep(missingFor) //nolint:forbidigo // a bubble's clock: no time passes
		text, err := cache.get(t.Context(), 1, func() (string, error) { return "schema", nil })
		if text != "schema" || err != nil {
			t.Errorf("after a while: got %q, %v", text, err)
		}
	})
}

func TestSchemaCache_IsBoundedForMissingIds(t *testing.T) {
	cache := newSchemaCache()
	for id := range 3 * maxMissing {
		_, _ = cache.get(t.Context(), id, func() (string, error) { return "", ErrUnknownSchema })
	}
	if len(cache.missing) > maxMissing || len(cache.flights) > 0 {
		t.Errorf("keeps %d missing ids and %d requests", len(cache.missing), len(cache.flights))
	}
}

func TestSchemaCache_KnowsAtOnceWhatWasRegistered(t *testing.T) {
	cache := newSchemaCache()
	_, _ = cache.get(t.Context(), 1, func() (string, error) { return "", ErrUnknownSchema })
	cache.put(1, "schema")
	if text, err := cache.get(t.Context(), 1, nil); text != "schema" || err != nil {
		t.Errorf("got %q, %v", text, err)
	}
}
