//go:build e2e

package kafkacluster

import (
	"fmt"
	"maps"
	"os"
	"strings"
)

// officialImage is what runs unless KAFKA_IMAGE names another.
const officialImage = "apache/kafka:4.3.1"

// Image is the image of the brokers.
func Image() string {
	if image := os.Getenv("KAFKA_IMAGE"); image != "" {
		return image
	}
	return officialImage
}

// Config says what to run. The zero value is one broker on a network of its own.
type Config struct {
	// Brokers is their number; 0 is 1.
	Brokers int
	// Network is the name of a Docker network to join, where the brokers are
	// kafka1:9092 and so on; empty: one that Close removes.
	Network string
	// Settings are broker properties, by their names in server.properties, beside
	// or instead of those that the package sets.
	Settings map[string]string
}

// clusterID is any id; the storage of every node is formatted with it.
const clusterID = "4L6g3nShT-eMCtK--X86sw"

// Ports inside a container.
const (
	portBroker     = 9092 // for the brokers, and whoever is on their network
	portController = 9093
	portHost       = 9094
	portProxied    = 9095
	portSecure     = 9096
)

// keyFile holds a broker's private key and certificate.
const keyFile = "/tmp/broker.pem"

// properties of one broker. A single property drops the image's default file, so
// they are all there.
func (c Config) properties(n *node) map[string]string {
	voters := make([]string, c.Brokers)
	for i := range voters {
		voters[i] = fmt.Sprintf("%d@%s:%d", i+1, alias(i), portController)
	}
	replicas := fmt.Sprint(c.Brokers)
	inSync := fmt.Sprint(max(1, c.Brokers-1))
	p := map[string]string{
		"node.id":                        fmt.Sprint(n.index + 1),
		"process.roles":                  "broker,controller",
		"controller.quorum.voters":       strings.Join(voters, ","),
		"controller.listener.names":      "CONTROLLER",
		"inter.broker.listener.name":     "BROKER",
		"listeners":                      fmt.Sprintf("BROKER://:%d,CONTROLLER://:%d,HOST://:%d,PROXIED://:%d,SECURE://:%d", portBroker, portController, portHost, portProxied, portSecure),
		"advertised.listeners":           fmt.Sprintf("BROKER://%s:%d,HOST://%s,PROXIED://%s,SECURE://%s", alias(n.index), portBroker, n.host, n.front, n.secure),
		"listener.security.protocol.map": "BROKER:PLAINTEXT,CONTROLLER:PLAINTEXT,HOST:PLAINTEXT,PROXIED:PLAINTEXT,SECURE:SASL_SSL",
		"listener.name.secure.scram-sha-512.sasl.jaas.config": "org.apache.kafka.common.security.scram.ScramLoginModule required;",

		"sasl.enabled.mechanisms":          "SCRAM-SHA-512",
		"ssl.keystore.type":                "PEM",
		"ssl.keystore.location":            keyFile,
		"authorizer.class.name":            "org.apache.kafka.metadata.authorizer.StandardAuthorizer",
		"super.users":                      "User:ANONYMOUS",
		"log.dirs":                         "/var/lib/kafka/data",
		"auto.create.topics.enable":        "false",
		"group.initial.rebalance.delay.ms": "0",
		"default.replication.factor":       replicas,
		"min.insync.replicas":              inSync,

		"offsets.topic.replication.factor":                 replicas,
		"transaction.state.log.replication.factor":         replicas,
		"transaction.state.log.min.isr":                    inSync,
		"share.coordinator.state.topic.replication.factor": replicas,
		"share.coordinator.state.topic.min.isr":            inSync,
		// Fewer logs than the default of 50 each: a broker that starts opens them.
		"offsets.topic.num.partitions":         "5",
		"transaction.state.log.num.partitions": "5",
		// A broker that was killed may not register again before its session ended.
		"broker.session.timeout.ms":    "3000",
		"broker.heartbeat.interval.ms": "500",
		// A container that is gone does not answer at all, and whoever has markers for
		// it would go on trying to connect for 10 to 30 s by default.
		"socket.connection.setup.timeout.ms":     "1000",
		"socket.connection.setup.timeout.max.ms": "2000",
	}
	maps.Copy(p, c.Settings)
	return p
}

// environment is how the image takes properties.
func (c Config) environment(n *node) map[string]string {
	env := map[string]string{
		"CLUSTER_ID":      clusterID,
		"KAFKA_HEAP_OPTS": "-Xms256m -Xmx400m",
		// Brokers of tests live for minutes, of which the second compiler would take half
		// of the processor time.
		"KAFKA_OPTS": "-XX:TieredStopAtLevel=1",
	}
	for name, value := range c.properties(n) {
		env["KAFKA_"+strings.ToUpper(inEnvironment.Replace(name))] = value
	}
	return env
}

// inEnvironment spells a property's name as Kafka's images read it.
var inEnvironment = strings.NewReplacer("_", "__", "-", "___", ".", "_")

func alias(i int) string { return fmt.Sprintf("kafka%d", i+1) }
