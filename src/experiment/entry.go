package experiment

// Values of Entry: the way on which requests get to a function.
const (
	EntryHTTP = "http-api" // the provider's own address of a function: on AWS, an HTTP API
	EntryURL  = "url"      // a function URL of Lambda
	EntrySDK  = "sdk"      // the operation Invoke of the Lambda API, as the SDKs call it
)

// Values of EntryAuth: who may call a function URL.
const (
	AuthNone = "none" // everybody: the measurement function still asks for the run's token
	AuthIAM  = "iam"  // requests that are signed with the account's credentials
)

// Signed reports whether requests on the sub-experiment's entry are signed.
func (s *SubExperiment) Signed() bool {
	return s.Entry == EntrySDK || s.Entry == EntryURL && s.EntryAuth == AuthIAM
}

// HTTPEntry reports whether functions are called at their HTTP addresses.
func (s *SubExperiment) HTTPEntry() bool { return s.Entry == EntryHTTP || s.Entry == "" }

// entryKeys are about the way into a function.
func entryKeys() []key {
	return []key{
		{name: "Entry", rule: words(EntryHTTP, EntryURL, EntrySDK), def: EntryHTTP,
			doc: "How requests get to the function: http-api (an HTTP API, or the provider's own address), url (a " +
				"function URL of Lambda) or sdk (Invoke of the Lambda API, signed). url and sdk are for aws and " +
				"local."},
		{name: "EntryAuth", rule: words(AuthNone, AuthIAM), def: AuthNone,
			doc: "Entry url: none, or iam for signed requests only. Requests of Entry sdk are always signed."},
	}
}

// entry refuses entries that a type, a protocol or functions that stand already do not have.
func (c combination) entry() {
	s := c.s
	if s.HTTPEntry() {
		return
	}
	if s.Type == TypeTransfer {
		c.refuse([]string{"Entry", "Type"}, "functions of a chain call each other by their HTTP addresses; want "+
			"Entry %q", EntryHTTP)
	}
	if s.Protocol != "http1" {
		c.refuse([]string{"Entry", "Protocol"}, "%s is spoken over http1 only, and Protocol is %q", s.Entry, s.Protocol)
	}
	if s.Reuse {
		c.refuse([]string{"Entry", "Reuse"}, "functions that stand already have no Entry %s; want Reuse false", s.Entry)
	}
	if s.ImageContract() == "http" {
		c.refuse([]string{"Entry", "Platform"}, "an image that is an HTTP server (ImageContract http) has no Entry %s",
			s.Entry)
	}
}

// ImageContract is how the sub-experiment's images are talked to; empty: it has none.
func (s *SubExperiment) ImageContract() string {
	if s.PackageType != "Image" {
		return ""
	}
	return s.Platform.ImageContract
}
