package postgres_test

import (
	"errors"
	"net/url"
	"testing"

	"github.com/murmuration-dev/murmuration/pkg/eventstore"
	"github.com/murmuration-dev/murmuration/pkg/eventstore/postgres"
)

func TestOpen_RefusesWhatTheServerWillNeverAccept(t *testing.T) {
	good := newDatabase(t)
	for name, spoil := range map[string]func(*url.URL){
		"user":     func(u *url.URL) { u.User = url.UserPassword("nobody_of_this_name", "x") },
		"database": func(u *url.URL) { u.Path = "/no_database_of_this_name" },
	} {
		t.Run(name, func(t *testing.T) {
			u, err := url.Parse(good)
			check(t, err)
			spoil(u)
			for _, migrate := range []bool{true, false} {
				_, err := postgres.Open(within(t), postgres.Config{URL: u.String(), Migrate: migrate})
				if !errors.Is(err, eventstore.ErrUnusable) {
					t.Errorf("migrate %t: got %v, want ErrUnusable", migrate, err)
				}
			}
		})
	}
	u, err := url.Parse(good)
	check(t, err)
	u.Host = "127.0.0.1:1" // nobody listens: that can change
	if _, err := postgres.Open(within(t), postgres.Config{URL: u.String()}); err == nil || errors.Is(err, eventstore.ErrUnusable) {
		t.Errorf("an absent server: got %v, want an error that may pass", err)
	}
}
