package generate

import (
	"os"
	"path/filepath"

	"github.com/vhive-serverless/STeLLAR/src/fail"
	"github.com/vhive-serverless/STeLLAR/src/provider"
)

func rust() language {
	return language{handler: "bootstrap", own: func(dir, _ string) (string, error) {
		if _, err := os.Stat(filepath.Join(dir, "Cargo.toml")); err != nil {
			return "", &provider.KeyError{Key: "Function", Err: fail.Input("%s holds no Cargo.toml", dir).
				WithHint("cargo init %s makes one", dir)}
		}
		return "bootstrap", nil // what the builder makes is called so, whatever the file says
	}}
}
