// Package helm pins Helm, and tests the portal's chart with its libraries: what the chart gives by default is what the
// plain manifests say, what it grants is what the portal asks clusters for, and values that cannot work are refused.
//
// It must never hold anything that is shipped: the chart stands alone.
package helm

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"helm.sh/helm/v3/pkg/chart/loader"
	"helm.sh/helm/v3/pkg/chartutil"
	"helm.sh/helm/v3/pkg/engine"
	"sigs.k8s.io/yaml"
)

const (
	server    = "../../../server"
	namespace = "heddle-portal"
)

// object is anything with a kind and a name.
type object = map[string]any

// rendered is what the chart gives with these values above its own, by kind.
func rendered(t *testing.T, values map[string]any) (map[string]object, error) {
	t.Helper()
	chart, err := loader.LoadDir(filepath.Join(server, "deploy", "helm", "heddle"))
	if err != nil {
		t.Fatal(err)
	}
	version, err := chartutil.ParseKubeVersion("v1.34.4")
	if err != nil {
		t.Fatal(err)
	}
	capabilities := chartutil.DefaultCapabilities.Copy()
	capabilities.KubeVersion = *version
	options := chartutil.ReleaseOptions{Name: "heddle", Namespace: namespace, Revision: 1, IsInstall: true}
	all, err := chartutil.ToRenderValues(chart, values, options, capabilities)
	if err != nil {
		return nil, err
	}
	files, err := engine.Render(chart, all)
	if err != nil {
		return nil, err
	}
	var text strings.Builder
	for name, file := range files {
		if strings.HasSuffix(name, ".yaml") {
			fmt.Fprintf(&text, "---\n%s\n", file)
		}
	}
	return byKind(t, []byte(text.String())), nil
}

func mustRender(t *testing.T, values map[string]any) map[string]object {
	t.Helper()
	objects, err := rendered(t, values)
	if err != nil {
		t.Fatal(err)
	}
	return objects
}

// byKind reads YAML documents, of which no two may be of one kind.
func byKind(t *testing.T, text []byte) map[string]object {
	t.Helper()
	objects := map[string]object{}
	for _, document := range bytes.Split(append([]byte("\n"), text...), []byte("\n---\n")) {
		var one object
		if err := yaml.Unmarshal(document, &one); err != nil {
			t.Fatalf("%v in:\n%s", err, document)
		}
		if len(one) == 0 {
			continue
		}
		kind, _ := one["kind"].(string)
		if _, twice := objects[kind]; twice || kind == "" {
			t.Fatalf("%q is there twice, or is no kind", kind)
		}
		objects[kind] = one
	}
	return objects
}

func read(t *testing.T, words ...string) map[string]object {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(append([]string{server}, words...)...))
	if err != nil {
		t.Fatal(err)
	}
	return byKind(t, text)
}

// equal compares two sets of objects kind by kind, so that a difference is found quickly.
func equal(t *testing.T, got, want map[string]object) {
	t.Helper()
	for kind, object := range want {
		if !reflect.DeepEqual(got[kind], object) {
			one, _ := yaml.Marshal(got[kind])
			other, _ := yaml.Marshal(object)
			t.Errorf("%s is\n%s\nand not\n%s", kind, one, other)
		}
	}
	for kind := range got {
		if _, wanted := want[kind]; !wanted {
			t.Errorf("%s is not wanted", kind)
		}
	}
}

func TestTheDefaultsArePlainManifests(t *testing.T) {
	plain := read(t, "deploy", "kubernetes", "portal.yaml")
	// Helm makes the namespace itself.
	delete(plain, "Namespace")
	equal(t, mustRender(t, nil), plain)
}

func TestTheRightsAreThoseThatThePortalAsksFor(t *testing.T) {
	for file, own := range map[string]bool{"class.yaml": false, "nfs.yaml": true} {
		t.Run(file, func(t *testing.T) {
			wanted := read(t, "agents", "src", "kubernetes", "rbac", file)
			// The pod gets its token from the cluster, and the namespace is there.
			delete(wanted, "Secret")
			delete(wanted, "Namespace")
			got := mustRender(t, map[string]any{"rbac": map[string]any{"ownVolumes": own}})
			for kind := range got {
				if _, about := wanted[kind]; !about {
					delete(got, kind)
				}
			}
			equal(t, got, wanted)
		})
	}
}

// at follows keys and indices into an object.
func at(t *testing.T, value any, path ...any) any {
	t.Helper()
	for _, step := range path {
		switch step := step.(type) {
		case string:
			table, _ := value.(map[string]any)
			value = table[step]
		case int:
			list, _ := value.([]any)
			if step >= len(list) {
				t.Fatalf("%v is no list with an element %d", value, step)
			}
			value = list[step]
		}
	}
	return value
}

func TestBehindAProxyThePortalSpeaksPlainlyAndWithThatAlone(t *testing.T) {
	objects := mustRender(t, map[string]any{
		"publicUrl":   "https://portal.test:8443",
		"tls":         map[string]any{"secretName": ""},
		"behindProxy": []any{"10.0.0.2", "10.1.0.0/16"},
		"options":     map[string]any{"session-idle": 60, "log": "warn"},
	})
	pod := at(t, objects["StatefulSet"], "spec", "template", "spec")
	container := at(t, pod, "containers", 0)
	variables := map[string]any{}
	list, _ := at(t, container, "env").([]any)
	for _, one := range list {
		name, _ := at(t, one, "name").(string)
		variables[name] = at(t, one, "value")
	}
	want := map[string]any{
		"HEDDLE_LISTEN":       "0.0.0.0:3000",
		"HEDDLE_PUBLIC_URL":   "https://portal.test:8443",
		"HEDDLE_DATA":         "/var/lib/heddle/data",
		"HEDDLE_BEHIND_PROXY": "10.0.0.2,10.1.0.0/16",
		"HEDDLE_SESSION_IDLE": "60",
		"HEDDLE_LOG":          "warn",
	}
	if !reflect.DeepEqual(variables, want) {
		t.Errorf("the variables are %v", variables)
	}
	for _, probe := range []string{"startupProbe", "readinessProbe", "livenessProbe"} {
		question := at(t, container, probe, "httpGet")
		if at(t, question, "scheme") != "HTTP" || at(t, question, "httpHeaders", 0, "value") != "portal.test:8443" {
			t.Errorf("%s asks %v", probe, question)
		}
	}
	volumes, _ := at(t, pod, "volumes").([]any)
	if slices.ContainsFunc(volumes, func(one any) bool { return at(t, one, "secret") != nil }) {
		t.Errorf("there is a certificate: %v", volumes)
	}
}

func TestValuesReachTheirPlaces(t *testing.T) {
	objects := mustRender(t, map[string]any{
		"image":         map[string]any{"repository": "registry.test/heddle", "tag": "7", "pullSecrets": []any{"pull"}},
		"mail":          map[string]any{"from": "portal@mail.test", "secretName": "mail"},
		"storage":       map[string]any{"size": "1Gi", "className": "fast"},
		"service":       map[string]any{"type": "NodePort", "nodePort": 30443},
		"networkPolicy": map[string]any{"from": []any{map[string]any{"ipBlock": map[string]any{"cidr": "10.0.0.0/8"}}}},
		"nodeSelector":  map[string]any{"disk": "good"},
		"tolerations":   []any{map[string]any{"key": "own", "operator": "Exists"}},
	})
	set, service := objects["StatefulSet"], objects["Service"]
	pod := at(t, set, "spec", "template", "spec")
	claim := at(t, set, "spec", "volumeClaimTemplates", 0, "spec")
	for _, one := range []struct{ got, want any }{
		{at(t, pod, "containers", 0, "image"), "registry.test/heddle:7"},
		{at(t, pod, "imagePullSecrets", 0, "name"), "pull"},
		{at(t, pod, "containers", 0, "env", 5, "value"), "portal@mail.test"},
		{at(t, pod, "containers", 0, "env", 6, "valueFrom", "secretKeyRef", "name"), "mail"},
		{at(t, pod, "nodeSelector", "disk"), "good"},
		{at(t, pod, "tolerations", 0, "key"), "own"},
		{at(t, claim, "storageClassName"), "fast"},
		{at(t, claim, "resources", "requests", "storage"), "1Gi"},
		{at(t, service, "spec", "type"), "NodePort"},
		{at(t, service, "spec", "ports", 0, "nodePort"), float64(30443)},
		{at(t, mustRender(t, map[string]any{"service": map[string]any{"type": "NodePort"}})["Service"], "spec", "ports", 0, "nodePort"), nil},
		{at(t, objects["NetworkPolicy"], "spec", "ingress", 0, "from", 0, "ipBlock", "cidr"), "10.0.0.0/8"},
	} {
		if one.got != one.want {
			t.Errorf("%v is not %v", one.got, one.want)
		}
	}
}

func TestValuesThatCannotWorkAreRefused(t *testing.T) {
	for name, values := range map[string]map[string]any{
		"neither TLS nor a proxy": {"tls": map[string]any{"secretName": ""}},
		"an address without TLS":  {"publicUrl": "http://portal.test"},
		"an address with a path":  {"publicUrl": "https://portal.test/heddle"},
		"an unknown value":        {"replicas": 2},
		"an unknown option":       {"options": map[string]any{"data": "/elsewhere"}},
		"a proxy's name":          {"behindProxy": []any{"proxy.test"}},
		"mail from nobody":        {"mail": map[string]any{"secretName": "mail"}},
		"no size":                 {"storage": map[string]any{"size": "much"}},
		"a moving tag":            {"image": map[string]any{"tag": "latest"}},
	} {
		t.Run(name, func(t *testing.T) {
			if _, err := rendered(t, values); err == nil {
				t.Error("it is accepted")
			}
		})
	}
}
