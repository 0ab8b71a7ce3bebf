package generate

import "stellar/src/fail"

func ruby() language {
	return language{
		handler: "main.handler",
		own: func(dir, handler string) (string, error) {
			return "", fail.Unsupported("functions of your own in ruby: %s, handler %q", dir, handler)
		},
	}
}
