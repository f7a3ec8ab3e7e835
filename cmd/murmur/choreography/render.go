package choreography

import "slices"

// The formats of Render.
const (
	FormatText     = "text"
	FormatMermaid  = "mermaid"
	FormatAsyncAPI = "asyncapi"
)

// IsFormat tells whether Render knows a format.
func IsFormat(format string) bool {
	return slices.Contains([]string{FormatText, FormatMermaid, FormatAsyncAPI}, format)
}

// Render draws the system and returns the picture in a format, text by default.
// Errors are those of Draw.
func Render(system System, format string) (string, error) {
	picture, err := Draw(system)
	if err != nil {
		return "", err
	}
	switch format {
	case FormatMermaid:
		journeys, err := Journeys(system, "")
		if err != nil {
			return "", err
		}
		return picture.Mermaid(journeys), nil
	case FormatAsyncAPI:
		return picture.AsyncAPI()
	}
	return picture.Text(), nil
}
