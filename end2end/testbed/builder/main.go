// Command builder is the external builder that lets a peer accept chaincode which runs as a service.
//
// A peer calls three programs, bin/detect, bin/build and bin/release. Here they are one binary that is told apart
// by the name it was started under, so that an image without a shell needs three small links and nothing else.
// It must never change a connection that holds real values: only strings with a template in them are rendered.
package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"text/template"
)

// valuesVariable holds the template values of one peer as a JSON object. The peer hands it on because its
// core.yaml lists the name under propagateEnvironment.
const valuesVariable = "CHAINCODE_AS_A_SERVICE_BUILDER_CONFIG"

// errNotOurs tells the peer that another builder has to take the package; it is no failure.
var errNotOurs = errors.New("the package is not of type ccaas")

func main() {
	if err := run(filepath.Base(os.Args[0]), os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// run does one of the three jobs; arguments are the folders the peer names.
func run(job string, folders []string) error {
	wanted := map[string]int{"detect": 2, "build": 3, "release": 2}
	count, known := wanted[job]
	if !known {
		return fmt.Errorf("started as %q: expected detect, build or release", job)
	}
	if len(folders) < count {
		return fmt.Errorf("%s needs %d folders, got %d", job, count, len(folders))
	}
	switch job {
	case "detect":
		return detect(folders[1])
	case "build":
		return build(folders[0], folders[2])
	default:
		return release(folders[0], folders[1])
	}
}

// detect accepts packages whose metadata says ccaas.
func detect(metadata string) error {
	raw, err := os.ReadFile(filepath.Join(metadata, "metadata.json"))
	if err != nil {
		return err
	}
	var fields struct {
		Type string `json:"type"`
	}
	if err := json.Unmarshal(raw, &fields); err != nil {
		return fmt.Errorf("metadata.json: %w", err)
	}
	if !strings.EqualFold(fields.Type, "ccaas") {
		return errNotOurs
	}
	return nil
}

// build turns the package's connection.json into the one this peer uses, and carries the index definitions over.
func build(source, output string) error {
	raw, err := os.ReadFile(filepath.Join(source, "connection.json"))
	if err != nil {
		return err
	}
	connection, err := fill(raw, os.Getenv(valuesVariable))
	if err != nil {
		return fmt.Errorf("connection.json: %w", err)
	}
	if err := os.WriteFile(filepath.Join(output, "connection.json"), connection, 0o600); err != nil {
		return err
	}
	return copyFolder(filepath.Join(source, "META-INF"), filepath.Join(output, "META-INF"))
}

// release puts the connection and the index definitions where the peer looks for them.
func release(output, target string) error {
	raw, err := os.ReadFile(filepath.Join(output, "connection.json"))
	if err != nil {
		return err
	}
	if err := checkAddress(raw); err != nil {
		return err
	}
	server := filepath.Join(target, "chaincode", "server")
	if err := os.MkdirAll(server, 0o700); err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(server, "connection.json"), raw, 0o600); err != nil {
		return err
	}
	return copyFolder(filepath.Join(output, "META-INF", "statedb"), filepath.Join(target, "statedb"))
}

// checkAddress refuses a connection without an address here, where the message still reaches the person who
// installs; otherwise the first call would fail much later.
func checkAddress(raw []byte) error {
	var fields struct {
		Address string `json:"address"`
	}
	if err := json.Unmarshal(raw, &fields); err != nil {
		return fmt.Errorf("connection.json: %w", err)
	}
	if fields.Address == "" {
		return errors.New("connection.json names no address")
	}
	return nil
}

// fill renders the strings that contain a template. Without any, the bytes come back as they went in.
func fill(raw []byte, valuesJSON string) ([]byte, error) {
	var document any
	if err := json.Unmarshal(raw, &document); err != nil {
		return nil, err
	}
	if !bytes.Contains(raw, []byte("{{")) {
		return raw, nil
	}
	values := map[string]any{}
	if valuesJSON != "" {
		if err := json.Unmarshal([]byte(valuesJSON), &values); err != nil {
			return nil, fmt.Errorf("%s: %w", valuesVariable, err)
		}
	}
	filled, err := fillValue(document, values)
	if err != nil {
		return nil, err
	}
	var out bytes.Buffer
	encoder := json.NewEncoder(&out)
	encoder.SetEscapeHTML(false)
	err = encoder.Encode(filled)
	return out.Bytes(), err
}

// fillValue walks a JSON value and renders its strings one by one, so that a value with quotes or line breaks
// cannot break the document around it.
func fillValue(value any, values map[string]any) (any, error) {
	var err error
	switch found := value.(type) {
	case string:
		return render(found, values)
	case []any:
		for i := range found {
			if found[i], err = fillValue(found[i], values); err != nil {
				return nil, err
			}
		}
	case map[string]any:
		for key := range found {
			if found[key], err = fillValue(found[key], values); err != nil {
				return nil, err
			}
		}
	}
	return value, nil
}

func render(text string, values map[string]any) (string, error) {
	if !strings.Contains(text, "{{") {
		return text, nil
	}
	parsed, err := template.New("connection").Option("missingkey=error").Parse(text)
	if err != nil {
		return "", err
	}
	var out strings.Builder
	err = parsed.Execute(&out, values)
	return out.String(), err
}

// copyFolder copies a tree that may be missing.
func copyFolder(from, to string) error {
	if _, err := os.Stat(from); errors.Is(err, os.ErrNotExist) {
		return nil
	}
	if err := os.MkdirAll(filepath.Dir(to), 0o700); err != nil {
		return err
	}
	return os.CopyFS(to, os.DirFS(from))
}
