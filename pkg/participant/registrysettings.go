package participant

import (
	"github.com/murmuration-dev/murmuration/pkg/avro"
)

// RegistryFromEnvironment is how a tool reaches the schema registry that services
// use: at the URL given, with the credentials of the services' environment variables.
// Settings that cannot be read are marked with run.ConfigError.
func RegistryFromEnvironment(url string) (avro.RegistryConfig, error) {
	s, err := Load[Settings]()
	if err != nil {
		return avro.RegistryConfig{}, err
	}
	return avro.RegistryConfig{URL: url, Username: s.RegistryUsername, Password: s.RegistryPassword}, nil
}
