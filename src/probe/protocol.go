package probe

// protocol is what is spoken to a target.
type protocol struct {
	alpn string // as TLS negotiates it
}
