// Package rawcode carries the source of the measurement function, so that the tool runs from any folder.
package rawcode

import "embed"

// FS holds measure/<language>/<files>, the code that generate renders into packages, and
// adapters/<provider>/<language>/<files> for platforms whose functions are neither Lambda handlers nor HTTP servers. Go
// test files lie beside the code and are in it too; they are left out when a function is generated. A go.mod may not
// stand in the tree: folders that hold one are left out of the embedding.
//
//go:embed measure adapters
var FS embed.FS
