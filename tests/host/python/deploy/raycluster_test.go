// Package deploy asks KubeRay about host/python/deploy/raycluster.yaml: its types, its operator's rules, and the pods
// that the operator makes of it. All is done here, without Kubernetes.
package deploy

import (
	"context"
	"os"
	"slices"
	"strings"
	"testing"

	rayv1 "github.com/ray-project/kuberay/ray-operator/apis/ray/v1"
	"github.com/ray-project/kuberay/ray-operator/controllers/ray/common"
	"github.com/ray-project/kuberay/ray-operator/controllers/ray/utils"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/serializer"
)

const path = "../../../../host/python/deploy/raycluster.yaml"

func manifest(t *testing.T) string {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// decode is as strict as an API server is with kubectl: unknown fields, such as differ in case only, and fields that
// are given twice are errors.
func decode(text string) (*rayv1.RayCluster, error) {
	scheme := runtime.NewScheme()
	if err := rayv1.AddToScheme(scheme); err != nil {
		return nil, err
	}
	cluster := &rayv1.RayCluster{}
	decoder := serializer.NewCodecFactory(scheme, serializer.EnableStrict).UniversalDeserializer()
	_, _, err := decoder.Decode([]byte(text), nil, cluster)
	return cluster, err
}

func decoded(t *testing.T, text string) *rayv1.RayCluster {
	t.Helper()
	cluster, err := decode(text)
	if err != nil {
		t.Fatal(err)
	}
	cluster.Namespace = "default"
	return cluster
}

// pods are what the operator makes: the head, and a worker of the first group.
func pods(cluster *rayv1.RayCluster) (head, worker corev1.Pod) {
	ctx := context.Background()
	port := common.GetHeadPort(cluster.Spec.HeadGroupSpec.RayStartParams)
	name := utils.GenerateFQDNServiceName(ctx, *cluster, cluster.Namespace)
	scaled := utils.IsAutoscalingEnabled(&cluster.Spec)
	template := common.DefaultHeadPodTemplate(ctx, *cluster, cluster.Spec.HeadGroupSpec, "head", port)
	head = common.BuildPod(ctx, template, rayv1.HeadNode, cluster.Spec.HeadGroupSpec.RayStartParams, port, scaled,
		utils.RayClusterCRD, name, nil)
	group := cluster.Spec.WorkerGroupSpecs[0]
	template = common.DefaultWorkerPodTemplate(ctx, *cluster, group, "worker", name, port, "", 0, 0)
	worker = common.BuildPod(ctx, template, rayv1.WorkerNode, group.RayStartParams, port, scaled, utils.RayClusterCRD,
		name, nil)
	return head, worker
}

// volumes are those that a container mounts at Ray's folders, by folder.
func volumes(pod corev1.Pod, container corev1.Container) map[string]*corev1.EmptyDirVolumeSource {
	found := map[string]*corev1.EmptyDirVolumeSource{}
	for _, mount := range container.VolumeMounts {
		for _, volume := range pod.Spec.Volumes {
			if volume.Name == mount.Name {
				found[mount.MountPath] = volume.EmptyDir
			}
		}
	}
	return found
}

func container(t *testing.T, pod corev1.Pod, name string) corev1.Container {
	t.Helper()
	for _, container := range pod.Spec.Containers {
		if container.Name == name {
			return container
		}
	}
	t.Fatalf("the operator makes no container %q", name)
	return corev1.Container{}
}

func TestAllFieldsAreKnown(t *testing.T) {
	cluster := decoded(t, manifest(t))
	if cluster.Name != "zkvm" || len(cluster.Spec.WorkerGroupSpecs) != 1 {
		t.Errorf("expected the cluster zkvm with one group of workers, found %q with %d", cluster.Name,
			len(cluster.Spec.WorkerGroupSpecs))
	}
}

func TestMisspelledFieldsAreRefused(t *testing.T) {
	for field, misspelled := range map[string]string{
		"enableInTreeAutoscaling": "enableInTreeAutoscalling",
		"rayStartParams":          "rayStartParameters",
		"maxReplicas":             "maxreplicas",
		"sizeLimit":               "sizelimit",
		"mountPath":               "path",
	} {
		text := manifest(t)
		if !strings.Contains(text, field+":") {
			t.Fatalf("the manifest has no field %s", field)
		}
		_, err := decode(strings.Replace(text, field+":", misspelled+":", 1))
		if !runtime.IsStrictDecodingError(err) || !strings.Contains(err.Error(), misspelled) {
			t.Errorf("%s in place of %s: %v", misspelled, field, err)
		} else {
			t.Log("refused, as it should be:", err)
		}
	}
}

func TestOperatorAccepts(t *testing.T) {
	cluster := decoded(t, manifest(t))
	if err := utils.ValidateRayClusterMetadata(cluster.ObjectMeta); err != nil {
		t.Error(err)
	}
	if err := utils.ValidateRayClusterSpec(&cluster.Spec, cluster.Annotations); err != nil {
		t.Error(err)
	}
}

func TestRayStartsWithItsShare(t *testing.T) {
	head, worker := pods(decoded(t, manifest(t)))
	for _, expected := range []string{"ray start --head", "--num-cpus=0 ", "--no-monitor"} {
		if command := container(t, head, "ray-head").Args[0]; !strings.Contains(command, expected) {
			t.Errorf("the head: expected %q in %q", expected, command)
		}
	}
	for _, expected := range []string{"--num-cpus=7 ", "--memory=21474836480 ", "--object-store-memory=1073741824 "} {
		if command := container(t, worker, "ray-worker").Args[0]; !strings.Contains(command, expected) {
			t.Errorf("a worker: expected %q in %q", expected, command)
		}
	}
}

func TestMemoryIsEnough(t *testing.T) {
	cluster := decoded(t, manifest(t))
	group := cluster.Spec.WorkerGroupSpecs[0]
	_, worker := pods(cluster)
	ray := container(t, worker, "ray-worker")
	promised := resource.MustParse(group.Resources["memory"])
	promised.Add(resource.MustParse(group.RayStartParams["object-store-memory"]))
	promised.Add(*volumes(worker, ray)["/tmp/ray"].SizeLimit)
	// Ray's memory monitor kills processes from 95 % on; Ray's own want 2 GiB.
	left := ray.Resources.Limits.Memory().Value()*95/100 - promised.Value()
	if left < 2<<30 {
		t.Errorf("expected 2 GiB for Ray's own processes, found %d bytes", left)
	}
}

func TestPods(t *testing.T) {
	cluster := decoded(t, manifest(t))
	image := "rayproject/ray:" + cluster.Spec.RayVersion + "-py311"
	head, worker := pods(cluster)
	for _, pod := range []corev1.Pod{head, worker} {
		if pod.Spec.RestartPolicy != corev1.RestartPolicyNever {
			t.Errorf("expected pods that do not restart, found %q", pod.Spec.RestartPolicy)
		}
		for _, container := range pod.Spec.Containers {
			if container.Image != image {
				t.Errorf("%s: expected image %s, found %s", container.Name, image, container.Image)
			}
			limits, requests := container.Resources.Limits, container.Resources.Requests
			if !limits.Cpu().Equal(*requests.Cpu()) || !limits.Memory().Equal(*requests.Memory()) {
				t.Errorf("%s: its requests are not its limits", container.Name)
			}
		}
		// Also of those that wait for the head.
		for _, container := range append(pod.Spec.InitContainers, pod.Spec.Containers...) {
			for name, expected := range map[string]string{"RAY_USAGE_STATS_ENABLED": "0", "RAY_AUTH_MODE": "token"} {
				if !slices.Contains(container.Env, corev1.EnvVar{Name: name, Value: expected}) {
					t.Errorf("%s: expected %s=%s", container.Name, name, expected)
				}
			}
			token, _ := utils.EnvVarByName("RAY_AUTH_TOKEN", container.Env)
			if token.ValueFrom == nil || token.ValueFrom.SecretKeyRef == nil {
				t.Errorf("%s: the token is of no secret", container.Name)
			}
		}
	}
}

// onDisk lists what containers see of a volume that is not memory with a limit.
func onDisk(pods ...corev1.Pod) (found []string) {
	for _, pod := range pods {
		for _, container := range pod.Spec.Containers {
			for folder, volume := range volumes(pod, container) {
				if volume == nil || volume.Medium != corev1.StorageMediumMemory || volume.SizeLimit == nil {
					found = append(found, container.Name+":"+folder)
				}
			}
		}
	}
	return found
}

func TestRaysFoldersAreMemory(t *testing.T) {
	head, worker := pods(decoded(t, manifest(t)))
	for _, pod := range []corev1.Pod{head, worker} {
		for _, folder := range []string{"/tmp/ray", "/dev/shm"} {
			if _, found := volumes(pod, pod.Spec.Containers[0])[folder]; !found {
				t.Errorf("%s: %s is no volume", pod.Spec.Containers[0].Name, folder)
			}
		}
	}
	if _, found := volumes(head, container(t, head, "autoscaler"))["/tmp/ray"]; !found {
		t.Error("the autoscaler does not share /tmp/ray")
	}
	if found := onDisk(head, worker); found != nil {
		t.Error("on a disk:", found)
	}
}

// What the manifest's comments say of KubeRay.

func TestVolumeOfAnotherNameLeavesAutoscalerOnDisk(t *testing.T) {
	head, _ := pods(decoded(t, strings.ReplaceAll(manifest(t), "name: ray-logs", "name: ray-folder")))
	if found := onDisk(head); !slices.Equal(found, []string{"autoscaler:/tmp/ray"}) {
		t.Error("found", found)
	}
}

func TestWithoutVersionPodsRestart(t *testing.T) {
	cluster := decoded(t, manifest(t))
	cluster.Spec.AutoscalerOptions.Version = nil
	head, worker := pods(cluster)
	if head.Spec.RestartPolicy == corev1.RestartPolicyNever || worker.Spec.RestartPolicy == corev1.RestartPolicyNever {
		t.Error("KubeRay keeps them from restarting")
	}
}

func TestWithoutResourcesSegmentsGetTheLimit(t *testing.T) {
	cluster := decoded(t, manifest(t))
	cluster.Spec.WorkerGroupSpecs[0].Resources = nil
	_, worker := pods(cluster)
	if command := container(t, worker, "ray-worker").Args[0]; !strings.Contains(command, "--memory=30064771072 ") {
		t.Errorf("found %q", command)
	}
}
