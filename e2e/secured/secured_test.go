//go:build e2e

package secured

import (
	"bytes"
	"context"
	"crypto/pbkdf2"
	"crypto/rand"
	"crypto/sha512"
	"crypto/subtle"
	"encoding/base64"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
	"go.uber.org/goleak"

	"github.com/murmuration-dev/murmuration/cmd/murmur/cli"
	"github.com/murmuration-dev/murmuration/e2e/authority"
	"github.com/murmuration-dev/murmuration/e2e/servers"
	"github.com/murmuration-dev/murmuration/pkg/run"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const (
	// patience is how long a test waits for what takes moments on an idle machine.
	patience = 2 * time.Minute
	user     = "platform"
	password = "of the platform"
)

// world are servers that let nobody in without a word, and the environment that lets
// the platform in.
type world struct {
	t                          *testing.T
	dir                        string
	kafka, postgres, registry  string
	brokersCA, databaseCA      string
	registryAsked, registryLet int
	mu                         sync.Mutex
}

func newWorld(t *testing.T) *world {
	t.Helper()
	w := &world{t: t, dir: t.TempDir()}
	all, err := servers.Start(t.Context())
	t.Cleanup(func() { w.must(all.Close()) })
	w.must(err)
	w.kafka, w.brokersCA = strings.Join(all.Kafka.Secure(), ","), w.write("kafka.pem", all.Kafka.Authority.PEM())
	w.makeUser(all.Brokers())
	w.encrypt(all)
	w.guard(all.Registry())
	return w
}

func (w *world) must(err error) {
	w.t.Helper()
	if err != nil {
		w.t.Fatal(err)
	}
}

func (w *world) write(name string, content []byte) string {
	w.t.Helper()
	file := filepath.Join(w.dir, name)
	w.must(os.WriteFile(file, content, 0o600))
	return file
}

// makeUser gives the platform a name at the brokers, and all rights there; what each
// service needs is another test's business.
func (w *world) makeUser(brokers string) {
	w.t.Helper()
	admin, err := kgo.NewClient(kgo.SeedBrokers(strings.Split(brokers, ",")...))
	w.must(err)
	defer admin.Close()
	const iterations, scram512 = 4096, 2
	salt := []byte(rand.Text())
	salted, err := pbkdf2.Key(sha512.New, password, salt, iterations, sha512.Size)
	w.must(err)
	credentials := kmsg.NewPtrAlterUserSCRAMCredentialsRequest()
	credentials.Upsertions = []kmsg.AlterUserSCRAMCredentialsRequestUpsertion{{Name: user, Mechanism: scram512, Iterations: iterations, Salt: salt, SaltedPassword: salted}}
	made, err := credentials.RequestWith(w.t.Context(), admin)
	w.must(err)
	if code := made.Results[0].ErrorCode; code != 0 {
		w.t.Fatalf("make a user: code %d", code)
	}
	allow := kmsg.NewPtrCreateACLsRequest()
	for _, kind := range []kmsg.ACLResourceType{kmsg.ACLResourceTypeTopic, kmsg.ACLResourceTypeGroup, kmsg.ACLResourceTypeTransactionalId} {
		allow.Creations = append(allow.Creations, kmsg.CreateACLsRequestCreation{
			ResourceType: kind, ResourceName: "*", ResourcePatternType: kmsg.ACLResourcePatternTypeLiteral,
			Principal: "User:" + user, Host: "*", Operation: kmsg.ACLOperationAll, PermissionType: kmsg.ACLPermissionTypeAllow,
		})
	}
	allowed, err := allow.RequestWith(w.t.Context(), admin)
	w.must(err)
	for _, r := range allowed.Results {
		if r.ErrorCode != 0 {
			w.t.Fatalf("allow: code %d", r.ErrorCode)
		}
	}
}

// encrypt gives the database server a certificate, by SQL alone, so that any image
// will do.
func (w *world) encrypt(all *servers.Servers) {
	w.t.Helper()
	signs, err := authority.New()
	w.must(err)
	pair, err := signs.Issue("postgres")
	w.must(err)
	conn, err := pgx.Connect(w.t.Context(), all.Postgres()+"/postgres")
	w.must(err)
	defer conn.Close(w.t.Context())
	for _, sql := range []string{
		fmt.Sprintf(`COPY (SELECT '%s') TO PROGRAM 'base64 -d > server.pem && chmod 600 server.pem'`, base64.StdEncoding.EncodeToString(pair)),
		`ALTER SYSTEM SET ssl_cert_file = 'server.pem'`, `ALTER SYSTEM SET ssl_key_file = 'server.pem'`, `ALTER SYSTEM SET ssl = on`,
		`SELECT pg_reload_conf()`,
	} {
		_, err := conn.Exec(w.t.Context(), sql)
		w.must(err)
	}
	w.databaseCA = w.write("database.pem", signs.PEM())
	w.postgres = all.Postgres() + "/postgres?sslmode=verify-full&sslrootcert=" + url.QueryEscape(w.databaseCA)
	w.eventually("the database server encrypts", func() error {
		conn, err := pgx.Connect(w.t.Context(), w.postgres)
		if err != nil {
			return err
		}
		return conn.Close(w.t.Context())
	})
}

// guard puts a door before the registry.
func (w *world) guard(registry string) {
	w.t.Helper()
	behind, err := url.Parse(registry)
	w.must(err)
	inner := &httputil.ReverseProxy{Rewrite: func(r *httputil.ProxyRequest) { r.SetURL(&url.URL{Scheme: behind.Scheme, Host: behind.Host}) }, Transport: &http.Transport{DisableKeepAlives: true}}
	door := httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		name, given, _ := r.BasicAuth()
		let := name == user && subtle.ConstantTimeCompare([]byte(given), []byte(password)) == 1
		w.mu.Lock()
		w.registryAsked++
		if let {
			w.registryLet++
		}
		w.mu.Unlock()
		if !let {
			rw.WriteHeader(http.StatusUnauthorized)
			return
		}
		inner.ServeHTTP(rw, r)
	}))
	w.t.Cleanup(door.Close)
	w.registry = door.URL + behind.Path
}

// enter sets the environment as services have it, with some of it changed.
func (w *world) enter(changes ...string) {
	w.t.Helper()
	for name, value := range map[string]string{
		"KAFKA_TLS": "true", "KAFKA_CA_FILE": w.brokersCA, "KAFKA_USERNAME": user, "KAFKA_PASSWORD": password,
		"SCHEMA_REGISTRY_USERNAME": user, "SCHEMA_REGISTRY_PASSWORD": password,
	} {
		w.t.Setenv(name, value)
	}
	for i := 0; i+1 < len(changes); i += 2 {
		w.t.Setenv(changes[i], changes[i+1])
	}
}

func (w *world) eventually(what string, done func() error) {
	w.t.Helper()
	end := time.Now().Add(patience)
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	for {
		err := done()
		if err == nil {
			return
		}
		if time.Now().After(end) {
			w.t.Fatalf("not so: %s: %v", what, err)
		}
		<-tick.C
	}
}

// text takes what a command prints, while it runs.
type text struct {
	mu sync.Mutex
	bytes.Buffer
}

func (b *text) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.Buffer.Write(p)
}

func (b *text) said(words string) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return strings.Contains(b.String(), words)
}

func (w *world) up(data string) []string {
	return []string{"up", "--data", data, "--any-ports", "--log-level", "error", "--kafka", w.kafka, "--postgres", w.postgres, "--registry", w.registry}
}

// murmur runs a command to its end.
func (w *world) murmur(args ...string) (string, error) {
	var out text
	ctx, cancel := context.WithTimeout(w.t.Context(), patience)
	defer cancel()
	err := cli.Execute(ctx, args, &out, &out)
	return out.String(), err
}

func TestMurmur_WorksBesideServersThatTrustNobody(t *testing.T) {
	w := newWorld(t)
	data := filepath.Join(w.dir, "data")
	t.Run("wrong words", func(t *testing.T) {
		w.t = t
		for _, c := range []struct{ name, value, says string }{
			{"KAFKA_PASSWORD", "wrong", "KAFKA_USERNAME and KAFKA_PASSWORD"},
			{"KAFKA_CA_FILE", w.databaseCA, "KAFKA_CA_FILE: the brokers' certificate is not trusted"},
			{"KAFKA_PASSWORD", "", "KAFKA_USERNAME and KAFKA_PASSWORD belong together"},
		} {
			w.enter(c.name, c.value)
			for _, command := range [][]string{w.up(filepath.Join(w.dir, "other")), {"audit", "--kafka", w.kafka, "--registry", w.registry, "--order-ops", "http://127.0.0.1:1", "--payment-ops", "http://127.0.0.1:1", "--inventory-ops", "http://127.0.0.1:1"}} {
				out, err := w.murmur(command...)
				if err == nil || run.ExitCode(err) == run.ExitOK {
					t.Errorf("%s with %s=%q: %s", command[0], c.name, c.value, out)
				}
				if command[0] == "up" && (run.ExitCode(err) != run.ExitConfig || !strings.Contains(err.Error(), c.says)) {
					t.Errorf("%s with %s=%q: exit code %d, %v; want %q", command[0], c.name, c.value, run.ExitCode(err), err, c.says)
				}
				if err != nil && strings.Contains(err.Error(), password) {
					t.Errorf("%s shows the password: %v", command[0], err)
				}
			}
		}
	})
	w.t = t
	w.enter()
	var said text
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- cli.Execute(ctx, w.up(data), &said, &said) }()
	defer func() {
		stop()
		if err := <-ended; err != nil {
			t.Errorf("the platform ended with %v", err)
		}
	}()
	w.eventually("the platform is up", func() error {
		if said.said("ready after") {
			return nil
		}
		select {
		case err := <-ended:
			ended <- nil
			t.Fatalf("the platform ended with %v:\n%s", err, said.String())
		default:
		}
		return errors.New("not ready")
	})
	for _, command := range [][]string{{"bench", "--orders", "20", "--rate", "20", "--data", data}, {"audit", "--wait", "1m", "--data", data}, {"status", "--data", data}} {
		out, err := w.murmur(command...)
		if err != nil {
			t.Errorf("murmur %s: %v\n%s", command[0], err, out)
		}
		if command[0] == "audit" && !strings.Contains(out, "consistent") {
			t.Errorf("the audit says:\n%s", out)
		}
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.registryAsked == 0 || w.registryLet != w.registryAsked {
		t.Errorf("%d of %d requests to the registry had credentials", w.registryLet, w.registryAsked)
	}
}
