// Package provisioner makes volumes for claims, as folders of the machine on which the cluster runs.
//
// It stands in for the storage of a real cluster: a claim waits for its first pod, gets a folder that belongs to the
// pod's node, and loses it when the claim goes. All nodes of the test bed see the same file system, so that one
// process can make the folders of all. It must never touch volumes that others have made.
package provisioner

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"
	"time"

	"github.com/spf13/cobra"
	core "k8s.io/api/core/v1"
	storage "k8s.io/api/storage/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	meta "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/client-go/informers"
	"k8s.io/client-go/kubernetes"
	corelisters "k8s.io/client-go/listers/core/v1"
	storagelisters "k8s.io/client-go/listers/storage/v1"
	"k8s.io/client-go/tools/cache"
	"k8s.io/client-go/tools/clientcmd"
)

const (
	// Name is what storage classes call us.
	Name = "heddle.local/folder"

	annotationNode  = "volume.kubernetes.io/selected-node"
	annotationMaker = "pv.kubernetes.io/provisioned-by"

	// again is how soon everything is looked at once more after a failure.
	again = time.Second
)

// NewCommand is the program: it runs until it is asked to end.
func NewCommand() *cobra.Command {
	var kubeconfig, folder string
	command := &cobra.Command{
		Use:          "provisioner",
		SilenceUsage: true,
		Args:         cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
			defer stop()
			return run(ctx, kubeconfig, folder)
		},
	}
	command.Flags().StringVar(&kubeconfig, "kubeconfig", "", "how the cluster is reached")
	command.Flags().StringVar(&folder, "folder", "", "where the volumes are made, one folder each below the node's")
	return command
}

type worker struct {
	client  kubernetes.Interface
	folder  string
	claims  corelisters.PersistentVolumeClaimLister
	volumes corelisters.PersistentVolumeLister
	classes storagelisters.StorageClassLister
}

func run(ctx context.Context, kubeconfig, folder string) error {
	config, err := clientcmd.BuildConfigFromFlags("", kubeconfig)
	if err != nil {
		return err
	}
	client, err := kubernetes.NewForConfig(config)
	if err != nil {
		return err
	}
	factory := informers.NewSharedInformerFactory(client, 0)
	claims, volumes := factory.Core().V1().PersistentVolumeClaims(), factory.Core().V1().PersistentVolumes()
	classes := factory.Storage().V1().StorageClasses()
	w := &worker{client, folder, claims.Lister(), volumes.Lister(), classes.Lister()}
	// One look at everything per change, or per many: the clusters of tests are small.
	changed := make(chan struct{}, 1)
	wake := func(any) {
		select {
		case changed <- struct{}{}:
		default:
		}
	}
	handler := cache.ResourceEventHandlerFuncs{
		AddFunc: wake, UpdateFunc: func(_, now any) { wake(now) }, DeleteFunc: wake,
	}
	for _, informer := range []cache.SharedIndexInformer{claims.Informer(), volumes.Informer(), classes.Informer()} {
		if _, err := informer.AddEventHandler(handler); err != nil {
			return err
		}
	}
	factory.Start(ctx.Done())
	factory.WaitForCacheSync(ctx.Done())
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-changed:
		}
		if err := w.look(ctx); err != nil {
			fmt.Fprintln(os.Stderr, err)
			time.AfterFunc(again, func() { wake(nil) })
		}
	}
}

// look makes what is missing and removes what nobody claims any more.
func (w *worker) look(ctx context.Context) error {
	claims, err := w.claims.List(labels.Everything())
	if err != nil {
		return err
	}
	var failures []error
	for _, claim := range claims {
		if class := w.classOf(claim); class != nil && wanted(claim) {
			failures = append(failures, w.provide(ctx, claim, class))
		}
	}
	volumes, err := w.volumes.List(labels.Everything())
	if err != nil {
		return err
	}
	for _, volume := range volumes {
		if superfluous(volume) {
			failures = append(failures, w.remove(ctx, volume))
		}
	}
	return errors.Join(failures...)
}

// classOf is the claim's class, if that is ours.
func (w *worker) classOf(claim *core.PersistentVolumeClaim) *storage.StorageClass {
	if claim.Spec.StorageClassName == nil {
		return nil
	}
	class, err := w.classes.Get(*claim.Spec.StorageClassName)
	if err != nil || class.Provisioner != Name {
		return nil
	}
	return class
}

func (w *worker) provide(ctx context.Context, claim *core.PersistentVolumeClaim, class *storage.StorageClass) error {
	volume := volumeFor(claim, class, w.folder)
	if _, err := w.volumes.Get(volume.Name); err == nil {
		return nil
	}
	// Any user of any pod may write there, whatever the umask says.
	if err := os.MkdirAll(volume.Spec.Local.Path, 0o777); err != nil {
		return err
	}
	if err := os.Chmod(volume.Spec.Local.Path, 0o777); err != nil {
		return err
	}
	_, err := w.client.CoreV1().PersistentVolumes().Create(ctx, volume, meta.CreateOptions{})
	if apierrors.IsAlreadyExists(err) {
		return nil
	}
	return err
}

func (w *worker) remove(ctx context.Context, volume *core.PersistentVolume) error {
	path := volume.Spec.Local.Path
	if within, err := filepath.Rel(w.folder, path); err != nil || !filepath.IsLocal(within) || within == "." {
		return fmt.Errorf("%s is not ours to remove", path)
	}
	if err := os.RemoveAll(path); err != nil {
		return err
	}
	err := w.client.CoreV1().PersistentVolumes().Delete(ctx, volume.Name, meta.DeleteOptions{})
	if apierrors.IsNotFound(err) {
		return nil
	}
	return err
}

// wanted is true for a claim that has no volume and whose first pod has got its node.
func wanted(claim *core.PersistentVolumeClaim) bool {
	return claim.DeletionTimestamp == nil && claim.Spec.VolumeName == "" && claim.Annotations[annotationNode] != ""
}

// superfluous is true for a volume of ours whose claim is gone and that is not to be kept.
func superfluous(volume *core.PersistentVolume) bool {
	return volume.Annotations[annotationMaker] == Name && volume.Spec.Local != nil &&
		volume.DeletionTimestamp == nil && volume.Status.Phase == core.VolumeReleased &&
		volume.Spec.PersistentVolumeReclaimPolicy == core.PersistentVolumeReclaimDelete
}

// volumeFor is the volume that a claim gets. Its name follows the claim, so that a second try finds the first.
func volumeFor(claim *core.PersistentVolumeClaim, class *storage.StorageClass, folder string) *core.PersistentVolume {
	node, name := claim.Annotations[annotationNode], "pvc-"+string(claim.UID)
	policy := core.PersistentVolumeReclaimDelete
	if class.ReclaimPolicy != nil {
		policy = *class.ReclaimPolicy
	}
	only := core.NodeSelectorRequirement{Key: core.LabelHostname, Operator: core.NodeSelectorOpIn, Values: []string{node}}
	return &core.PersistentVolume{
		ObjectMeta: meta.ObjectMeta{Name: name, Annotations: map[string]string{annotationMaker: Name}},
		Spec: core.PersistentVolumeSpec{
			AccessModes:                   claim.Spec.AccessModes,
			Capacity:                      core.ResourceList{core.ResourceStorage: claim.Spec.Resources.Requests[core.ResourceStorage]},
			PersistentVolumeReclaimPolicy: policy,
			StorageClassName:              class.Name,
			VolumeMode:                    claim.Spec.VolumeMode,
			ClaimRef: &core.ObjectReference{
				APIVersion: "v1", Kind: "PersistentVolumeClaim",
				Namespace: claim.Namespace, Name: claim.Name, UID: claim.UID,
			},
			PersistentVolumeSource: core.PersistentVolumeSource{
				Local: &core.LocalVolumeSource{Path: filepath.Join(folder, node, name)},
			},
			NodeAffinity: &core.VolumeNodeAffinity{Required: &core.NodeSelector{NodeSelectorTerms: []core.NodeSelectorTerm{
				{MatchExpressions: []core.NodeSelectorRequirement{only}},
			}}},
		},
	}
}
