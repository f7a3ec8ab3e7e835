package embedded

import (
	"github.com/murmuration-dev/murmuration/pkg/kafka"
	"github.com/murmuration-dev/murmuration/pkg/participant"
)

// Access is how servers of one's own are reached, beside their addresses. The
// databases have all of it in their URL.
type Access struct {
	// KafkaTLS turns TLS on; KafkaCAFile is a PEM bundle to trust instead of the
	// system's.
	KafkaTLS    bool
	KafkaCAFile string
	// KafkaUsername and KafkaPassword authenticate by SCRAM-SHA-512.
	KafkaUsername, KafkaPassword string
	// RegistryUsername and RegistryPassword are for basic authentication.
	RegistryUsername, RegistryPassword string
}

// AccessFromEnvironment is what the variables say by which services are set. Those
// that cannot be read are marked with run.ConfigError.
func AccessFromEnvironment() (Access, error) {
	s, err := participant.Load[participant.Settings]()
	return Access{
		KafkaTLS: s.KafkaTLS, KafkaCAFile: s.KafkaCAFile, KafkaUsername: s.KafkaUsername, KafkaPassword: s.KafkaPassword,
		RegistryUsername: s.RegistryUsername, RegistryPassword: s.RegistryPassword,
	}, err
}

// settings adds to those of a service how it reaches what is not embedded.
func (e External) settings(s participant.Settings) participant.Settings {
	if e.Kafka != "" {
		s.KafkaTLS, s.KafkaCAFile = e.Access.KafkaTLS, e.Access.KafkaCAFile
		s.KafkaUsername, s.KafkaPassword = e.Access.KafkaUsername, e.Access.KafkaPassword
	}
	if e.Registry != "" {
		s.RegistryUsername, s.RegistryPassword = e.Access.RegistryUsername, e.Access.RegistryPassword
	}
	return s
}

// kafka is how the brokers are reached, embedded or not.
func (e External) kafka(brokers []string, client string) (kafka.Config, error) {
	return e.settings(participant.Settings{KafkaBrokers: brokers}).KafkaConfig(client)
}
