package chart

import (
	"fmt"
	"slices"
)

// object is one of Kubernetes'.
type object map[string]any

func (o object) String() string { return o.kind() + " " + o.name() }

func (o object) kind() string { return text(o["kind"]) }

func (o object) name() string { return text(at(o, "metadata", "name")) }

// annotation returns one of the object's own; empty if it has none.
func (o object) annotation(name string) string { return text(at(o, "metadata", "annotations", name)) }

// labels are the object's own.
func (o object) labels() map[string]string { return texts(at(o, "metadata", "labels")) }

// at follows keys; nil where there is nothing.
func at(node any, keys ...string) any {
	for _, key := range keys {
		switch n := node.(type) {
		case map[string]any:
			node = n[key]
		case object:
			node = n[key]
		default:
			return nil
		}
	}
	return node
}

func text(node any) string {
	if node == nil {
		return ""
	}
	return fmt.Sprint(node)
}

func texts(node any) map[string]string {
	out := map[string]string{}
	m, _ := node.(map[string]any)
	for key, value := range m {
		out[key] = text(value)
	}
	return out
}

// list is a node's elements, which are maps.
func list(node any) []map[string]any {
	var out []map[string]any
	elements, _ := node.([]any)
	for _, e := range elements {
		m, _ := e.(map[string]any)
		out = append(out, m)
	}
	return out
}

// pod is what an object says of the pods that it makes.
type pod struct {
	of     object
	labels map[string]string
	spec   map[string]any
}

func (p pod) String() string { return p.of.String() }

func (p pod) component() string { return p.labels["app.kubernetes.io/component"] }

// containers are all of them.
func (p pod) containers() []map[string]any {
	return slices.Concat(list(p.spec["initContainers"]), list(p.spec["containers"]))
}

// pods are those of all objects.
func pods(all []object) []pod {
	var out []pod
	for _, o := range all {
		switch o.kind() {
		case "Pod":
			spec, _ := o["spec"].(map[string]any)
			out = append(out, pod{o, o.labels(), spec})
		case "Deployment", "StatefulSet", "Job":
			spec, _ := at(o, "spec", "template", "spec").(map[string]any)
			out = append(out, pod{o, texts(at(o, "spec", "template", "metadata", "labels")), spec})
		}
	}
	return out
}

// ofKind are the objects of a kind.
func ofKind(all []object, kind string) []object {
	var out []object
	for _, o := range all {
		if o.kind() == kind {
			out = append(out, o)
		}
	}
	return out
}

// one is the object of this kind and name.
func one(all []object, kind, name string) (object, bool) {
	i := slices.IndexFunc(all, func(o object) bool { return o.kind() == kind && o.name() == name })
	if i < 0 {
		return nil, false
	}
	return all[i], true
}

// environment are the variables of a container, from its ConfigMap, too. Those from
// Secrets have the value "secret NAME/KEY".
func environment(all []object, container map[string]any) map[string]string {
	out := map[string]string{}
	for _, from := range list(container["envFrom"]) {
		settings, _ := one(all, "ConfigMap", text(at(from, "configMapRef", "name")))
		for name, value := range texts(settings["data"]) {
			out[name] = value
		}
	}
	for _, e := range list(container["env"]) {
		value := text(e["value"])
		if ref := at(e, "valueFrom", "secretKeyRef"); ref != nil {
			value = "secret " + text(at(ref, "name")) + "/" + text(at(ref, "key"))
		}
		out[text(e["name"])] = value
	}
	return out
}
