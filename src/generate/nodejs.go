package generate

import "stellar/src/fail"

func nodejs() language {
	return language{
		handler: "main.handler",
		own: func(dir, handler string) (string, error) {
			return "", fail.Unsupported("functions of your own in nodejs: %s, handler %q", dir, handler)
		},
	}
}
