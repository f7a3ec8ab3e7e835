package cli

import (
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/murmuration-dev/murmuration/cmd/murmur/acls"
	"github.com/murmuration-dev/murmuration/pkg/run"
)

func newACLs() *cobra.Command {
	var (
		tool       acls.Tool
		principals []string
	)
	c := &cobra.Command{
		Use:   "acls",
		Short: "Print the least privilege of each user as commands for kafka-acls.sh",
		Long: `Prints what the brokers must allow so that the platform works, and nothing more:
only a service writes its topics, its transactional ids and its group; only the user
"topics" creates topics and changes their settings; the user "reader" reads. It asks
nobody: give the output to a shell that has Kafka's tools. Doing it again changes
nothing.`,
		Example: `  murmur acls --kafka broker-1:9092 --command-config admin.properties | sh -e
  murmur acls --principal order=User:CN=order,O=Shop
  murmur acls --output json`,
		Args: usageArgs(cobra.NoArgs),
		RunE: func(c *cobra.Command, _ []string) error {
			asJSON, err := wantsJSON(c)
			if err != nil {
				return err
			}
			named, err := parsePrincipals(principals)
			if err != nil {
				return err
			}
			grants := acls.Grants(named)
			if asJSON {
				return printJSON(c.OutOrStdout(), grants)
			}
			_, err = fmt.Fprint(c.OutOrStdout(), tool.Script(grants))
			return err
		},
	}
	c.Flags().StringVar(&tool.Brokers, "kafka", "localhost:9092", "host:port of brokers, for the commands")
	c.Flags().StringVar(&tool.CommandConfig, "command-config", "", "file with the credentials of an administrator, for the commands")
	c.Flags().StringArrayVar(&principals, "principal", nil, "USER=PRINCIPAL, where a user's name at the brokers is not User:USER; may be repeated")
	addOutput(c)
	return c
}

// parsePrincipals reads USER=PRINCIPAL. What cannot be is a usage error.
func parsePrincipals(given []string) (map[string]string, error) {
	named := map[string]string{}
	for _, g := range given {
		user, principal, ok := strings.Cut(g, "=")
		if kind, rest, typed := strings.Cut(principal, ":"); !ok || !typed || kind == "" || rest == "" {
			return nil, run.UsageError(fmt.Errorf("--principal: %q is not USER=TYPE:NAME, like order=User:order", g))
		}
		if !slices.Contains(acls.Users(), user) {
			return nil, run.UsageError(fmt.Errorf("--principal: no user %q; there are %s", user, strings.Join(acls.Users(), ", ")))
		}
		named[user] = principal
	}
	return named, nil
}
