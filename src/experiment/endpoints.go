package experiment

import (
	"reflect"

	"github.com/vhive-serverless/STeLLAR/src/fail"
)

// StandingEndpoint is a deployed function, as an endpoints file names it.
type StandingEndpoint struct {
	GatewayID        string  `json:"GatewayID"` // its address, with or without a scheme
	FunctionMemoryMB int     `json:"FunctionMemoryMB"`
	ImageSizeMB      float64 `json:"ImageSizeMB"`
	PackageType      string  `json:"PackageType"` // Zip or Image, synonyms resolved
}

// endpointKeys is the table of an endpoint's keys.
func endpointKeys() []key {
	return []key{
		{name: "GatewayID", required: true, rule: rule{kind: text,
			want: "the function's address, a host or http(s) URL", check: checkEndpoint}},
		{name: "FunctionMemoryMB", rule: atLeast(0, 1<<20)},
		{name: "ImageSizeMB", rule: rule{kind: number, min: 0, max: 1 << 20}},
		{name: "PackageType", required: true, rule: packageType()},
	}
}

const endpointsWanted = "an array of endpoints with GatewayID, FunctionMemoryMB, ImageSizeMB and PackageType"

// ReadEndpoints reads an endpoints file: a list of deployed functions. It is read as an experiment file is,
// with all mistakes reported together; its errors have exit code 2, and those of its content wrap *Problems.
func ReadEndpoints(path string) ([]StandingEndpoint, error) {
	data, err := readFile("the endpoints file", path,
		"--endpoints names a file, or a folder with <provider>.json in it")
	if err != nil {
		return nil, err
	}
	d := newDecoder(newSource(path, data))
	all := d.endpoints()
	if bad := d.err(); bad != nil {
		return nil, fail.Input("%w", bad).WithHint("correct the endpoints file; nothing was built or deployed")
	}
	return all, nil
}

func (d *decoder) endpoints() []StandingEndpoint {
	root, dups := d.tree(endpointsWanted)
	if root == nil {
		return nil
	}
	for _, dup := range dups {
		d.problem(dup.off, dup.path, "this key appears before; want each key once")
	}
	if root.kind != arrayNode {
		d.problem(root.off, "", "found %s; want %s", root.found(), endpointsWanted)
		return nil
	}
	keys := endpointKeys()
	all := make([]StandingEndpoint, len(root.items))
	for i, item := range root.items {
		if item.kind != objectNode {
			d.problem(item.off, item.path, "found %s; want an object", item.found())
			continue
		}
		d.unknownKeys(item, keys, nil)
		d.setObject(item.members, keys, reflect.ValueOf(&all[i]).Elem())
		for _, k := range keys {
			if path := childPath(item.path, k.name); k.required && item.find(k.name) == nil && !d.meant[path] {
				d.problem(item.off, path, "missing; want %s", k.allowed())
			}
		}
	}
	return all
}
