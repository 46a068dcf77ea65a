package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func write(t *testing.T, path, text string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}

func read(t *testing.T, path string) string {
	t.Helper()
	raw, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(raw)
}

func TestDetect(t *testing.T) {
	for kind, accepted := range map[string]bool{"ccaas": true, "CCAAS": true, "golang": false, "": false} {
		folder := t.TempDir()
		write(t, filepath.Join(folder, "metadata.json"), `{"type":"`+kind+`","label":"a"}`)
		if err := run("detect", []string{"unused", folder}); (err == nil) != accepted {
			t.Errorf("type %q: %v", kind, err)
		}
	}
	if err := run("detect", []string{"unused", t.TempDir()}); err == nil {
		t.Error("accepted a package without metadata")
	}
}

func TestRealValuesPassUnchanged(t *testing.T) {
	source, output, target := t.TempDir(), t.TempDir(), t.TempDir()
	text := "{\"address\": \"cc:9999\",\n \"dial_timeout\":\"10s\", \"tls_required\":true, \"client_key\":\"-----BEGIN\\nA<&>B\\n-----END\\n\"}"
	write(t, filepath.Join(source, "connection.json"), text)
	write(t, filepath.Join(source, "META-INF", "statedb", "couchdb", "indexes", "a.json"), "{}")
	t.Setenv(valuesVariable, `{"peername":"peer0"}`)
	if err := run("build", []string{source, "unused", output}); err != nil {
		t.Fatal(err)
	}
	if err := run("release", []string{output, target}); err != nil {
		t.Fatal(err)
	}
	if got := read(t, filepath.Join(target, "chaincode", "server", "connection.json")); got != text {
		t.Errorf("changed to %s", got)
	}
	read(t, filepath.Join(target, "statedb", "couchdb", "indexes", "a.json"))
}

func TestTemplates(t *testing.T) {
	got, err := fill([]byte(`{"address":"{{.peername}}_cc:9999","root_cert":"{{.root}}","n":1}`), `{"peername":"p0","root":"a\n\"b\""}`)
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(string(got), `"p0_cc:9999"`) || !strings.Contains(string(got), `"a\n\"b\""`) {
		t.Errorf("rendered %s", got)
	}
	for _, bad := range []string{`{"address":"{{.unknown}}"}`, `{"address":"{{"}`, `not json`} {
		if _, err := fill([]byte(bad), ""); err == nil {
			t.Errorf("accepted %s", bad)
		}
	}
}

func TestRefusals(t *testing.T) {
	output := t.TempDir()
	write(t, filepath.Join(output, "connection.json"), `{"dial_timeout":"10s"}`)
	if err := run("release", []string{output, t.TempDir()}); err == nil {
		t.Error("accepted a connection without an address")
	}
	if err := run("build", []string{"one"}); err == nil {
		t.Error("accepted too few folders")
	}
	if err := run("run", nil); err == nil {
		t.Error("accepted an unknown job")
	}
}
