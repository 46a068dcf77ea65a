package provisioner

import (
	"context"
	"os"
	"path/filepath"
	"testing"

	core "k8s.io/api/core/v1"
	storage "k8s.io/api/storage/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	meta "k8s.io/apimachinery/pkg/apis/meta/v1"
)

func claim(change func(*core.PersistentVolumeClaim)) *core.PersistentVolumeClaim {
	made := &core.PersistentVolumeClaim{
		ObjectMeta: meta.ObjectMeta{
			Namespace: "a", Name: "data", UID: "1-2", Annotations: map[string]string{annotationNode: "kube-node-1"},
		},
		Spec: core.PersistentVolumeClaimSpec{AccessModes: []core.PersistentVolumeAccessMode{core.ReadWriteOnce}},
	}
	made.Spec.Resources.Requests = core.ResourceList{core.ResourceStorage: resource.MustParse("1Gi")}
	if change != nil {
		change(made)
	}
	return made
}

func TestAClaimWaitsForItsNode(t *testing.T) {
	for name, one := range map[string]struct {
		change func(*core.PersistentVolumeClaim)
		expect bool
	}{
		"with a node":    {nil, true},
		"without a node": {func(c *core.PersistentVolumeClaim) { c.Annotations = nil }, false},
		"bound":          {func(c *core.PersistentVolumeClaim) { c.Spec.VolumeName = "pvc-x" }, false},
		"going":          {func(c *core.PersistentVolumeClaim) { c.DeletionTimestamp = &meta.Time{} }, false},
	} {
		if got := wanted(claim(one.change)); got != one.expect {
			t.Errorf("%s: got %v", name, got)
		}
	}
}

func TestAVolumeBelongsToItsNodeAndClaim(t *testing.T) {
	retain := core.PersistentVolumeReclaimRetain
	class := &storage.StorageClass{ObjectMeta: meta.ObjectMeta{Name: "kept"}, ReclaimPolicy: &retain}
	volume := volumeFor(claim(nil), class, "/volumes")
	if volume.Spec.Local.Path != "/volumes/kube-node-1/pvc-1-2" || volume.Name != "pvc-1-2" {
		t.Errorf("path %s, name %s", volume.Spec.Local.Path, volume.Name)
	}
	if volume.Spec.ClaimRef.UID != "1-2" || volume.Spec.ClaimRef.Namespace != "a" {
		t.Errorf("claim %v", volume.Spec.ClaimRef)
	}
	if volume.Spec.PersistentVolumeReclaimPolicy != retain || volume.Spec.StorageClassName != "kept" {
		t.Errorf("class %s, policy %s", volume.Spec.StorageClassName, volume.Spec.PersistentVolumeReclaimPolicy)
	}
	only := volume.Spec.NodeAffinity.Required.NodeSelectorTerms[0].MatchExpressions[0]
	if only.Key != core.LabelHostname || only.Values[0] != "kube-node-1" {
		t.Errorf("affinity %v", only)
	}
}

func TestOnlyReleasedVolumesOfOursAreRemoved(t *testing.T) {
	for name, one := range map[string]struct {
		change func(*core.PersistentVolume)
		expect bool
	}{
		"released": {func(*core.PersistentVolume) {}, true},
		"in use":   {func(v *core.PersistentVolume) { v.Status.Phase = core.VolumeBound }, false},
		"kept": {func(v *core.PersistentVolume) {
			v.Spec.PersistentVolumeReclaimPolicy = core.PersistentVolumeReclaimRetain
		}, false},
		"of others": {func(v *core.PersistentVolume) { v.Annotations = nil }, false},
	} {
		volume := volumeFor(claim(nil), &storage.StorageClass{}, "/volumes")
		volume.Status.Phase = core.VolumeReleased
		one.change(volume)
		if got := superfluous(volume); got != one.expect {
			t.Errorf("%s: got %v", name, got)
		}
	}
}

func TestFoldersElsewhereStay(t *testing.T) {
	outside := filepath.Join(t.TempDir(), "kept")
	if err := os.Mkdir(outside, 0o700); err != nil {
		t.Fatal(err)
	}
	w := &worker{folder: t.TempDir()}
	volume := volumeFor(claim(nil), &storage.StorageClass{}, w.folder)
	for _, path := range []string{outside, w.folder, filepath.Join(w.folder, "..")} {
		volume.Spec.Local.Path = path
		if w.remove(context.Background(), volume) == nil {
			t.Errorf("%s was removed", path)
		}
	}
	if _, err := os.Stat(outside); err != nil {
		t.Error(err)
	}
}
