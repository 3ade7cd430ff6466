package main

import (
	"errors"
	"fmt"
	"strings"

	"github.com/hashicorp/go-multierror"
	"go.yaml.in/yaml/v4"

	"github.com/siderolabs/talos/pkg/machinery/config"
	"github.com/siderolabs/talos/pkg/machinery/config/configloader"
	"github.com/siderolabs/talos/pkg/machinery/config/generate"
	"github.com/siderolabs/talos/pkg/machinery/config/generate/secrets"
	"github.com/siderolabs/talos/pkg/machinery/config/machine"
	"github.com/siderolabs/talos/pkg/machinery/config/types/v1alpha1"
	"github.com/siderolabs/talos/pkg/machinery/config/validation"
	"github.com/siderolabs/talos/pkg/machinery/constants"
)

// judgeDocuments judges each document of a text by itself, so that a problem names its document.
func judgeDocuments(name string, patch int, text string, parts bool) []verdict {
	var verdicts []verdict

	for index, document := range split(text) {
		one := verdict{Machine: name, Patch: patch, Document: index, Line: document.line}
		one.Kind, one.Name = identity(document.text)

		loaded, err := configloader.NewFromBytes([]byte(document.text), configloader.WithAllowPatchDelete())
		if errors.Is(err, configloader.ErrNoConfig) {
			continue
		}

		if err == nil {
			for _, found := range loaded.Documents() {
				if _, partial := found.(*v1alpha1.Config); !partial || parts {
					err = validate(loaded)
				}
			}
		}

		one.OK, one.Error = err == nil, textOf(err)
		verdicts = append(verdicts, one)
	}

	return verdicts
}

// identity returns the kind and the name of a document, whatever else is wrong with it.
func identity(text string) (string, string) {
	var said struct {
		Kind string `yaml:"kind"`
		Name string `yaml:"name"`
	}

	if err := yaml.Unmarshal([]byte(text), &said); err != nil && said.Kind == "" {
		return "", ""
	}

	if said.Kind == "" {
		return "v1alpha1", ""
	}

	return said.Kind, said.Name
}

type document struct {
	text string
	line int
}

// split cuts a text at its document markers, which stand at the beginning of a line as nothing else does.
func split(text string) []document {
	var (
		documents []document
		lines     []string
	)

	start := 1
	all := strings.Split(text, "\n")

	for number, line := range all {
		if line == "---" || strings.HasPrefix(line, "--- ") {
			documents = append(documents, document{strings.Join(lines, "\n") + "\n", start})
			lines, start = nil, number+2

			continue
		}

		lines = append(lines, line)
	}

	return append(documents, document{strings.Join(lines, "\n") + "\n", start})
}

// validate judges as `talosctl validate --mode metal --strict` does: what Talos would warn of is refused as well.
func validate(loaded config.Provider) error {
	warnings, err := loaded.Validate(metal{}, validation.WithStrict())

	for _, warning := range warnings {
		err = multierror.Append(err, fmt.Errorf("warning: %s", warning))
	}

	return err
}

// generated returns a complete configuration as Talos's own generator makes it.
func generated(role, release string) (config.Provider, error) {
	contract, err := config.ParseContractFromVersion(release)
	if err != nil {
		return nil, err
	}

	kind, err := machine.ParseType(role)
	if err != nil {
		return nil, err
	}

	// Nothing of them is judged: later releases take an RSA key of 4096 bits, which takes seconds to make.
	bundle, err := secrets.NewBundle(secrets.NewClock(), config.TalosVersion1_6)
	if err != nil {
		return nil, err
	}

	input, err := generate.NewInput("trellis", endpoint, constants.DefaultKubernetesVersion,
		generate.WithVersionContract(contract),
		generate.WithSecretsBundle(bundle),
		generate.WithInstallDisk("/dev/sda"),
	)
	if err != nil {
		return nil, err
	}

	return input.Config(kind)
}
