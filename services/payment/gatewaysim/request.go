package gatewaysim

import (
	"crypto/sha256"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
)

const (
	// bodyLimit is far above any request of the API; Stripe's own metadata limit
	// is 50 keys of 500 characters.
	bodyLimit = 64 << 10
	// keyLimit is Stripe's bound on an Idempotency-Key.
	keyLimit = 255
	// amountLimit is Stripe's bound of eight digits, widened to what the largest
	// real orders need.
	amountLimit = 999_999_999_999
)

// request is a parsed call of the API.
type request struct {
	id          string // from the path
	values      url.Values
	key         string
	fingerprint []byte
	// delayed is set when a request that was held back on its way goes on.
	delayed bool
}

func parseRequest(w http.ResponseWriter, r *http.Request, allowed []string) (*request, *apiError) {
	req := &request{id: r.PathValue("id"), values: r.URL.Query()}
	if r.Method == http.MethodPost {
		body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, bodyLimit))
		if err != nil {
			return nil, invalid("", "Invalid request body: %v", err)
		}
		if req.values, err = url.ParseQuery(string(body)); err != nil {
			return nil, invalid("", "Invalid form: %v", err)
		}
		req.key = r.Header.Get("Idempotency-Key")
		if len(req.key) > keyLimit {
			return nil, invalid("", "Idempotency keys have %d characters at most.", keyLimit)
		}
	}
	for name := range req.values {
		base, _, _ := strings.Cut(name, "[")
		if !slices.Contains(allowed, base) {
			refusal := invalid(name, "Received unknown parameter: %s", name)
			refusal.code = "parameter_unknown"
			return nil, refusal
		}
	}
	sum := sha256.Sum256([]byte(r.Method + " " + r.URL.Path + "?" + req.values.Encode()))
	req.fingerprint = sum[:]
	return req, nil
}

// amount reads a positive number of minor units; absent is 0 unless required.
func (r *request) amount(name string, required bool) (int64, *apiError) {
	text := r.values.Get(name)
	if text == "" {
		if required {
			refusal := invalid(name, "Missing required param: %s.", name)
			refusal.code = "parameter_missing"
			return 0, refusal
		}
		return 0, nil
	}
	n, err := strconv.ParseInt(text, 10, 64)
	if err != nil || n < 1 || n > amountLimit {
		refusal := invalid(name, "Invalid positive integer: %s", text)
		refusal.code = "parameter_invalid_integer"
		return 0, refusal
	}
	return n, nil
}

func (r *request) metadata() map[string]string {
	metadata := map[string]string{}
	for name, values := range r.values {
		inner, ok := strings.CutPrefix(name, "metadata[")
		if ok && strings.HasSuffix(inner, "]") {
			metadata[strings.TrimSuffix(inner, "]")] = values[0]
		}
	}
	return metadata
}

// expansion reads expand[], whose paths start at the answer's object, or at under.
func (r *request) expansion(under string) expansion {
	var paths []string
	for name, values := range r.values {
		if strings.HasPrefix(name, "expand[") {
			paths = append(paths, values...)
		}
	}
	return parseExpansion(paths, under)
}

// paymentMethod reads a token, which must be one of those that exist here.
func (r *request) paymentMethod() (string, *apiError) {
	token := r.values.Get("payment_method")
	if _, ok := cards[token]; token != "" && !ok {
		return "", missing(http.StatusBadRequest, "payment_method", "PaymentMethod", token)
	}
	return token, nil
}

func validCurrency(c string) bool {
	return len(c) == 3 && strings.Trim(c, "abcdefghijklmnopqrstuvwxyz") == ""
}
