// Judges Talos machine configuration by Talos's own loader and validator, without a node.
//
// Files, or standard input, hold documents that are judged as they stand:
//
//	talos-validator [FILE...]
//
// A patch is judged as what it becomes: merged by Talos's own patcher onto a configuration that Talos's own generator
// made, and validated strictly for metal.  Each line of standard input is one machine:
//
//	talos-validator -patches < {"machine":"solcp01","role":"controlplane","release":"1.13","patches":["..."]}
//
// One line of JSON comes out for each document of each machine, and one for what a machine's patches become; see
// verdict.  Exit code 0 if all are accepted, 1 if one is refused, 2 if the input is no such thing.
package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"runtime/debug"
	"strings"

	"github.com/hashicorp/go-multierror"

	"github.com/siderolabs/talos/pkg/machinery/config"
	"github.com/siderolabs/talos/pkg/machinery/config/configloader"
	"github.com/siderolabs/talos/pkg/machinery/config/configpatcher"
	"github.com/siderolabs/talos/pkg/machinery/constants"
)

const library = "github.com/siderolabs/talos/pkg/machinery"

// whole is the kind of the verdict on what the patches of a machine become.
const whole = "(whole)"

// endpoint of the generated configuration, from a range for documentation; the patches bring the real one.
const endpoint = "https://192.0.2.1:6443"

// metal is the mode in which a node on a disk runs; the library has only its interface.
type metal struct{}

func (metal) String() string        { return "metal" }
func (metal) RequiresInstall() bool { return true }
func (metal) InContainer() bool     { return false }

// job is one machine and its patches.
type job struct {
	Machine string   `json:"machine"`
	Role    string   `json:"role"`
	Release string   `json:"release"`
	Patches []string `json:"patches"`
}

// verdict is a line of the output.
type verdict struct {
	Machine  string `json:"machine"`
	Patch    int    `json:"patch"`
	Document int    `json:"document"`
	Line     int    `json:"line"`
	Kind     string `json:"kind"`
	Name     string `json:"name"`
	OK       bool   `json:"ok"`
	Error    string `json:"error"`
}

func main() {
	patches := flag.Bool("patches", false, "judge the patches of machines, a line of JSON for each on standard input")
	version := flag.Bool("version", false, "print the library's version")
	flag.Parse()

	if *version {
		fmt.Println(libraryVersion())

		return
	}

	out := json.NewEncoder(os.Stdout)

	var (
		accepted bool
		err      error
	)

	if *patches {
		accepted, err = judgeMachines(os.Stdin, out)
	} else {
		accepted, err = judgeFiles(flag.Args(), out)
	}

	if err != nil {
		fmt.Fprintln(os.Stderr, "talos-validator:", err)
		os.Exit(2)
	}

	if !accepted {
		os.Exit(1)
	}
}

func libraryVersion() string {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return ""
	}

	for _, dependency := range info.Deps {
		if dependency.Path == library {
			return dependency.Version
		}
	}

	return ""
}

func judgeFiles(files []string, out *json.Encoder) (bool, error) {
	if len(files) == 0 {
		files = []string{"-"}
	}

	accepted := true

	for _, file := range files {
		var (
			text []byte
			err  error
		)

		if file == "-" {
			text, err = io.ReadAll(os.Stdin)
		} else {
			text, err = os.ReadFile(file)
		}

		if err != nil {
			return false, err
		}

		verdicts := judgeDocuments(file, 0, string(text), true)

		loaded, err := configloader.NewFromBytes(text)
		if err == nil {
			err = validate(loaded)
		}

		verdicts = append(verdicts, verdict{Machine: file, Kind: whole, OK: err == nil, Error: textOf(err)})
		if accepted, err = write(out, verdicts, accepted); err != nil {
			return false, err
		}
	}

	return accepted, nil
}

func judgeMachines(in io.Reader, out *json.Encoder) (bool, error) {
	lines := bufio.NewScanner(in)
	lines.Buffer(nil, 4*constants.GRPCMaxMessageSize) // a text is longer as JSON

	bases := map[string]config.Provider{}
	accepted := true

	for lines.Scan() {
		if len(bytes.TrimSpace(lines.Bytes())) == 0 {
			continue
		}

		var one job

		decoder := json.NewDecoder(bytes.NewReader(lines.Bytes()))
		decoder.DisallowUnknownFields()

		if err := decoder.Decode(&one); err != nil {
			return false, fmt.Errorf("no machine: %w", err)
		}

		verdicts, err := judgeMachine(one, bases)
		if err != nil {
			return false, fmt.Errorf("%s: %w", one.Machine, err)
		}

		if accepted, err = write(out, verdicts, accepted); err != nil {
			return false, err
		}
	}

	return accepted, lines.Err()
}

func judgeMachine(one job, bases map[string]config.Provider) ([]verdict, error) {
	key := one.Role + " " + one.Release

	base, ok := bases[key]
	if !ok {
		var err error

		if base, err = generated(one.Role, one.Release); err != nil {
			return nil, err
		}

		bases[key] = base
	}

	var verdicts []verdict

	for index, patch := range one.Patches {
		// What a patch says of the machine itself is a part of it, and judged as what it becomes.
		verdicts = append(verdicts, judgeDocuments(one.Machine, index, patch, false)...)
	}

	err := becomes(base, one.Patches)

	return append(verdicts, verdict{Machine: one.Machine, Kind: whole, OK: err == nil, Error: textOf(err)}), nil
}

// becomes merges patches onto a configuration, and validates what comes out as a node would load it.
func becomes(base config.Provider, texts []string) error {
	var patches []configpatcher.Patch

	for _, text := range texts {
		loaded, err := configloader.NewFromBytes([]byte(text), configloader.WithAllowPatchDelete())
		if err != nil {
			return err
		}

		patches = append(patches, configpatcher.NewStrategicMergePatch(loaded))
	}

	merged, err := configpatcher.Apply(configpatcher.WithConfig(base), patches)
	if err != nil {
		return err
	}

	text, err := merged.Bytes()
	if err != nil {
		return err
	}

	if len(text) > constants.GRPCMaxMessageSize {
		return fmt.Errorf("%d bytes are more than Talos's API takes (%d)", len(text), constants.GRPCMaxMessageSize)
	}

	loaded, err := configloader.NewFromBytes(text)
	if err != nil {
		return err
	}

	return validate(loaded)
}

func write(out *json.Encoder, verdicts []verdict, accepted bool) (bool, error) {
	for _, one := range verdicts {
		accepted = accepted && one.OK

		if err := out.Encode(one); err != nil {
			return false, err
		}
	}

	return accepted, nil
}

// textOf returns an error as one text; several of them one after another, as Talos words each.
func textOf(err error) string {
	if err == nil {
		return ""
	}

	var several *multierror.Error
	if !errors.As(err, &several) {
		return err.Error()
	}

	texts := make([]string, 0, len(several.Errors))
	for _, one := range several.Errors {
		texts = append(texts, textOf(one))
	}

	return strings.Join(texts, "; ")
}
