package cli

import (
	"fmt"
	"os"

	"github.com/spf13/cobra"

	"github.com/murmuration-dev/murmuration/cmd/murmur/choreography"
	"github.com/murmuration-dev/murmuration/pkg/run"
)

func newChoreography() *cobra.Command {
	var format, out string
	c := &cobra.Command{
		Use:   "choreography",
		Short: "Draw who writes which states and who reacts to what, from the code",
		Long: `Draws the choreography of one order by exploring the functions that the services
run: which states each writes, what each reacts to and with which effect. Nothing has
to be running. It fails, and says why, when a state has no way to an end, when a
reaction waits for a state that nobody writes, and when nobody reads a topic.`,
		Example: `  murmur choreography
  murmur choreography --format mermaid --out docs/choreography.md
  murmur choreography --format asyncapi --out docs/asyncapi.yaml`,
		Args: usageArgs(cobra.NoArgs),
		RunE: func(c *cobra.Command, _ []string) error {
			text, err := drawn(format)
			if err != nil {
				return err
			}
			if out == "" {
				_, err = fmt.Fprint(c.OutOrStdout(), text)
				return err
			}
			return os.WriteFile(out, []byte(text), 0o644)
		},
	}
	c.Flags().StringVar(&format, "format", choreography.FormatText, "text, mermaid (a Markdown document) or asyncapi (YAML)")
	c.Flags().StringVar(&out, "out", "", "write to this file instead of the standard output")
	return c
}

// drawn returns the picture in a format; one that does not exist is a usage error.
func drawn(format string) (string, error) {
	if !choreography.IsFormat(format) {
		return "", run.UsageError(fmt.Errorf("--format %s: must be text, mermaid or asyncapi", format))
	}
	return choreography.Render(choreography.Real(), format)
}
