package authority

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"testing"
)

func TestAuthority_IsTrustedForTheNamesItIssued(t *testing.T) {
	a, err := New()
	if err != nil {
		t.Fatal(err)
	}
	text, err := a.Issue("kafka1", "kafka1.example")
	if err != nil {
		t.Fatal(err)
	}
	pair, err := tls.X509KeyPair(text, text)
	if err != nil {
		t.Fatal(err)
	}
	roots := x509.NewCertPool()
	if !roots.AppendCertsFromPEM(a.PEM()) {
		t.Fatal("the authority has no certificate")
	}
	for _, name := range []string{"kafka1", "kafka1.example", "localhost", "127.0.0.1"} {
		if _, err := pair.Leaf.Verify(x509.VerifyOptions{DNSName: name, Roots: roots}); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := pair.Leaf.Verify(x509.VerifyOptions{DNSName: "kafka2", Roots: roots}); !errors.As(err, new(x509.HostnameError)) {
		t.Errorf("another name: %v", err)
	}
	if _, err := pair.Leaf.Verify(x509.VerifyOptions{DNSName: "kafka1", Roots: x509.NewCertPool()}); !errors.As(err, new(x509.UnknownAuthorityError)) {
		t.Errorf("who does not trust the authority: %v", err)
	}
}
