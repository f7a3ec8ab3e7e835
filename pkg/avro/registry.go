package avro

import (
	"cmp"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/twmb/franz-go/pkg/sr"
)

// defaultTimeout bounds one request when the configuration does not: a registry
// answers in milliseconds, or is in trouble.
const defaultTimeout = 5 * time.Second

// RegistryConfig says where the schema registry is.
type RegistryConfig struct {
	// URL is the base address, http or https, with the path under which the
	// Confluent API is found, if any: http://host:8081 or
	// http://host:8080/apis/ccompat/v7. Required. Credentials in it are used
	// as Username and Password if those are empty.
	URL string
	// Username and Password are for basic authentication; none if both are
	// empty.
	Username, Password string
	// TLS is used for https instead of the system's roots. Optional.
	TLS *tls.Config
	// Timeout bounds one request. 0 means 5 s.
	Timeout time.Duration
}

// Registry is a client of a schema registry that speaks Confluent's API. It is
// safe for concurrent use.
//
// Every method fails with ErrUnavailable, also with ErrUnauthorized where that
// is the reason, if the registry gives no answer; nothing is tried again by
// itself.
type Registry struct {
	client    *sr.Client
	transport *http.Transport
	schemas   schemaCache
}

// NewRegistry returns a client. It checks the configuration and does not touch
// the network, so a service can start while its registry is away.
func NewRegistry(cfg RegistryConfig) (*Registry, error) {
	address, err := url.Parse(cfg.URL)
	if err != nil {
		return nil, errors.New("schema registry URL: cannot be parsed") // the message would show a password
	}
	if (address.Scheme != "http" && address.Scheme != "https") || address.Host == "" {
		return nil, errors.New("schema registry URL: want http://host or https://host")
	}
	if cfg.Timeout < 0 {
		return nil, fmt.Errorf("schema registry timeout: %s is below 0", cfg.Timeout)
	}
	username, password := cfg.Username, cfg.Password
	if address.User != nil && username == "" && password == "" {
		username = address.User.Username()
		password, _ = address.User.Password()
	}
	address.User = nil // so that no error shows it

	transport := http.DefaultTransport.(*http.Transport).Clone()
	transport.TLSClientConfig = cfg.TLS
	opts := []sr.ClientOpt{
		sr.URLs(strings.TrimSuffix(address.String(), "/")),
		sr.UserAgent("murmuration"),
		sr.HTTPClient(&http.Client{
			Transport: boundedTransport{transport},
			Timeout:   cmp.Or(cfg.Timeout, defaultTimeout),
		}),
	}
	if username != "" || password != "" {
		opts = append(opts, sr.BasicAuth(username, password))
	}
	client, err := sr.NewClient(opts...)
	if err != nil {
		return nil, fmt.Errorf("schema registry client: %w", err)
	}
	return &Registry{client: client, transport: transport, schemas: newSchemaCache()}, nil
}

// Close closes connections that are idle. The registry can still be used.
func (r *Registry) Close() { r.transport.CloseIdleConnections() }

// Register makes schema the latest version of subject, unless it is already one
// of its versions, and returns its id. Doing it again gives the same id. It
// fails with ErrIncompatible and the registry's reason, or with
// ErrInvalidSchema.
func (r *Registry) Register(ctx context.Context, subject, schema string) (id int, err error) {
	id, err = r.client.RegisterSchema(ctx, subject, sr.Schema{Schema: schema}, -1, -1)
	if err != nil {
		return 0, fmt.Errorf("register schema of %s: %w", subject, classify(err))
	}
	if id < 1 {
		return 0, fmt.Errorf("register schema of %s: %w", subject, asKind(ErrUnavailable, errors.New("the answer has no id")))
	}
	r.schemas.put(id, schema) // so that our own records can be read while the registry is away
	return id, nil
}

// Lookup returns the id of schema if it is a version of subject, and fails with
// ErrUnknownSchema if the registry says that it is none. It takes no right to
// register.
func (r *Registry) Lookup(ctx context.Context, subject, schema string) (id int, err error) {
	found, err := r.client.LookupSchema(ctx, subject, sr.Schema{Schema: schema})
	if err != nil {
		return 0, fmt.Errorf("look up schema of %s: %w", subject, classify(err))
	}
	if found.ID < 1 {
		return 0, fmt.Errorf("look up schema of %s: %w", subject, asKind(ErrUnavailable, errors.New("the answer has no id")))
	}
	r.schemas.put(found.ID, schema) // so that our own records can be read while the registry is away
	return found.ID, nil
}

// Check fails with ErrIncompatible if the registry would refuse schema as the
// next version of subject, with its reasons where it gives any, and with
// ErrInvalidSchema if it is none. A subject that does not exist accepts any
// schema. Nothing is registered.
func (r *Registry) Check(ctx context.Context, subject, schema string) error {
	const allVersions = -2
	answer, err := r.client.CheckCompatibility(sr.WithParams(ctx, sr.Verbose),
		subject, allVersions, sr.Schema{Schema: schema})
	if err != nil {
		if err = classify(err); errors.Is(err, ErrUnknownSchema) {
			return nil
		}
		return fmt.Errorf("check schema of %s: %w", subject, err)
	}
	if !answer.Is {
		reason := cmp.Or(clip(strings.Join(answer.Messages, "; ")), "no reason given")
		return fmt.Errorf("check schema of %s: %w", subject, asKind(ErrIncompatible, errors.New(reason)))
	}
	return nil
}

// EnsureCompatibility makes level, such as LevelFullTransitive, the subject's
// own, and fails unless the registry then says that it is. A level that is
// already set is left alone, so that it takes no right to write. Call it before
// Register, so that the level holds for that too; the subject need not exist.
func (r *Registry) EnsureCompatibility(ctx context.Context, subject, level string) error {
	var want sr.CompatibilityLevel
	if !ValidLevel(level) || want.UnmarshalText([]byte(level)) != nil {
		return fmt.Errorf("set compatibility of %s: %q is not a level", subject, clip(level))
	}
	// Registries disagree on a subject without a level of its own: an error, or
	// NONE. Neither is the wanted one.
	if r.client.Compatibility(ctx, subject)[0].Level == want {
		return nil
	}
	if err := r.client.SetCompatibility(ctx, sr.SetCompatibility{Level: want}, subject)[0].Err; err != nil {
		return fmt.Errorf("set compatibility of %s to %s: %w", subject, level, classify(err))
	}
	got := r.client.Compatibility(ctx, subject)[0]
	if got.Err != nil {
		return fmt.Errorf("read back compatibility of %s: %w", subject, classify(got.Err))
	}
	if got.Level != want {
		return fmt.Errorf("set compatibility of %s to %s: the registry answers %s", subject, level,
			cmp.Or(got.Level.String(), "no level"))
	}
	return nil
}

// SchemaByID returns the text of the schema that has this id. Ids are
// immutable, so an answer is kept for ever and given while the registry is
// away; concurrent calls for one id share one request. It fails with
// ErrUnknownSchema if the registry says that there is none, which is kept for a
// few seconds.
func (r *Registry) SchemaByID(ctx context.Context, id int) (string, error) {
	text, err := r.schemas.get(ctx, id, func() (string, error) {
		schema, err := r.client.SchemaByID(ctx, id)
		switch {
		case err != nil:
			return "", classify(err)
		case schema.Type != sr.TypeAvro:
			return "", asKind(ErrInvalidSchema, fmt.Errorf("is %s, not Avro", schema.Type))
		case schema.Schema == "":
			return "", asKind(ErrUnavailable, errors.New("the answer has no schema"))
		}
		return schema.Schema, nil
	})
	if err != nil {
		return "", fmt.Errorf("look up schema %d: %w", id, err)
	}
	return text, nil
}
