package generate

import "stellar/src/fail"

func rust() language {
	return language{
		handler: "bootstrap",
		own: func(dir, handler string) (string, error) {
			return "", fail.Unsupported("functions of your own in rust: %s, handler %q", dir, handler)
		},
	}
}
