//go:build kubernetes

package kubernetes

import (
	"maps"
	"slices"
	"testing"
)

// The headings of the document that have commands.
const (
	setup       = "Setup"
	imaging     = "Images"
	installing  = "Install"
	checking    = "Test"
	ordering    = "Place an order"
	looking     = "Look into the topics"
	upgrading   = "Upgrade"
	rollingBack = "Roll back"
	removing    = "Uninstall"
	clearing    = "Remove the namespace"

	makingSecrets     = "In production: namespace and Secrets"
	installingForReal = "In production: install"
)

func TestDocument_HasATestForEveryCommand(t *testing.T) {
	tested := []string{setup, imaging, installing, checking, ordering, looking, upgrading, rollingBack, removing, clearing, makingSecrets, installingForReal}
	slices.Sort(tested)
	if found := slices.Sorted(maps.Keys(blocks)); !slices.Equal(found, tested) {
		t.Errorf("%s has commands under\n%q\nand tested are\n%q", page, found, tested)
	}
}
