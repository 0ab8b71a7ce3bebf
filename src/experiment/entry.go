package experiment

// Values of Entry: the way on which requests get to a function.
const (
	EntryHTTP = "http-api" // the provider's own address of a function: on AWS, an HTTP API
	EntryURL  = "url"      // a function URL of Lambda
	EntrySDK  = "sdk"      // the operation Invoke of the Lambda API, as the SDKs call it
	// EntryAsync is the same for an event: the answer comes before the function has it.
	EntryAsync = "sdk-async"
)

// Values of EntryAuth: who may call a function URL.
const (
	AuthNone = "none" // everybody: the measurement function still asks for the run's token
	AuthIAM  = "iam"  // requests that are signed with the account's credentials
)

// Values of InvokeMode: how a function URL answers.
const (
	InvokeBuffered = "buffered" // once the function has made its whole response
	InvokeStreamed = "streamed" // while the function makes it
)

// Limits of streamed responses.
const (
	maxStreamBytes = 200 << 20 // Lambda's
	maxChunks      = 200_000   // whose instants are kept for each request
)

// Defaults of streamed responses, in bytes.
const (
	usualStream = 1 << 20
	usualChunk  = 64 << 10
)

// setStreamKeys are the keys of streamed responses that have another value than the default.
func (s *SubExperiment) setStreamKeys() (keys []string) {
	if s.StreamBytes != usualStream {
		keys = append(keys, "StreamBytes")
	}
	if s.StreamChunkBytes != usualChunk {
		keys = append(keys, "StreamChunkBytes")
	}
	if s.StreamPauseSeconds != 0 {
		keys = append(keys, "StreamPauseSeconds")
	}
	return keys
}

// Streamed reports whether responses are streamed.
func (s *SubExperiment) Streamed() bool { return s.Entry == EntryURL && s.InvokeMode == InvokeStreamed }

// StreamChunks is how many chunks a streamed response has.
func (s *SubExperiment) StreamChunks() int {
	return int((s.StreamBytes + s.StreamChunkBytes - 1) / s.StreamChunkBytes)
}

// Signed reports whether requests on the sub-experiment's entry are signed.
func (s *SubExperiment) Signed() bool {
	return s.Invoked() || s.Entry == EntryURL && s.EntryAuth == AuthIAM
}

// Invoked reports whether functions are called by the operation Invoke.
func (s *SubExperiment) Invoked() bool { return s.Entry == EntrySDK || s.Entry == EntryAsync }

// HTTPEntry reports whether functions are called at their HTTP addresses.
func (s *SubExperiment) HTTPEntry() bool { return s.Entry == EntryHTTP || s.Entry == "" }

// entryKeys are about the way into a function.
func entryKeys() []key {
	return []key{
		{name: "Entry", rule: words(EntryHTTP, EntryURL, EntrySDK, EntryAsync), def: EntryHTTP,
			doc: "How requests get to the function: http-api (an HTTP API, or the provider's own address), url (a " +
				"function URL of Lambda), sdk (Invoke of the Lambda API, signed) or sdk-async (the same for events, " +
				"whose end is read from the platform's report). All but http-api are for aws and local."},
		{name: "EntryAuth", rule: words(AuthNone, AuthIAM), def: AuthNone,
			doc: "Entry url: none, or iam for signed requests only. Requests of Entry sdk are always signed."},
		{name: "InvokeMode", rule: words(InvokeBuffered, InvokeStreamed), def: InvokeBuffered,
			doc: "Entry url: buffered (the response comes when it is complete) or streamed (it comes while the " +
				"function makes it; streams.csv and chunks.csv have the instants)."},
		{name: "StreamBytes", rule: atLeast(1, maxStreamBytes), def: int64(usualStream),
			doc: "InvokeMode streamed: length of the response, in bytes."},
		{name: "StreamChunkBytes", rule: atLeast(1024, maxStreamBytes), def: int64(usualChunk),
			doc: "InvokeMode streamed: the function writes so many bytes at a time."},
		{name: "StreamPauseSeconds", rule: seconds(0), def: 0.0,
			doc: "InvokeMode streamed: pause of the function before each chunk, in seconds."},
	}
}

// stream refuses streams that no entry, or no function, can make.
func (c combination) stream() {
	s := c.s
	if s.InvokeMode != InvokeStreamed {
		return
	}
	if s.Entry != EntryURL {
		c.refuse([]string{"InvokeMode", "Entry"}, "responses are streamed by function URLs; want Entry %q", EntryURL)
	}
	if rt, _, err := ResolveRuntime(s.Runtime); err == nil && IsMeasure(s.Function) && rt.Language != "go" {
		c.refuse([]string{"InvokeMode", "Runtime"}, "the measurement function streams in go only; want Runtime go, "+
			"or a Function of your own")
	}
	limit, name := float64(s.FunctionTimeoutSeconds), "FunctionTimeoutSeconds"
	if s.TimeoutSeconds < limit || limit == 0 { // of an existing function it may not be known
		limit, name = s.TimeoutSeconds, "TimeoutSeconds"
	}
	if pauses := float64(s.StreamChunks()-1) * s.StreamPauseSeconds; pauses >= limit {
		c.refuse([]string{"StreamPauseSeconds", "StreamBytes", "StreamChunkBytes", name}, "%d pauses of %g s take %g "+
			"s, no less than %s, %g s: every response would be cut off", s.StreamChunks()-1, s.StreamPauseSeconds,
			pauses, name, limit)
	}
	if s.StreamChunks() > maxChunks {
		c.refuse([]string{"StreamChunkBytes", "StreamBytes"}, "%d bytes are over %d chunks of %d; want larger ones",
			s.StreamBytes, maxChunks, s.StreamChunkBytes)
	}
}

// entry refuses entries that a type, a protocol or existing functions do not have.
func (c combination) entry() {
	s := c.s
	if s.HTTPEntry() {
		return
	}
	if s.Entry == EntryAsync {
		c.events()
	}
	if s.Type == TypeTransfer {
		c.refuse([]string{"Entry", "Type"}, "functions of a chain call each other by their HTTP addresses; want "+
			"Entry %q", EntryHTTP)
	}
	if s.Protocol != "http1" {
		c.refuse([]string{"Entry", "Protocol"}, "%s is spoken over http1 only, and Protocol is %q", s.Entry, s.Protocol)
	}
	if s.Reuse {
		c.refuse([]string{"Entry", "Reuse"}, "existing functions have no Entry %s; want Reuse false", s.Entry)
	}
	if s.ImageContract() == "http" {
		c.refuse([]string{"Entry", "Platform"}, "an image that is an HTTP server (ImageContract http) has no Entry %s",
			s.Entry)
	}
}

// events refuses what needs the function's answer, which an event does not have.
func (c combination) events() {
	s := c.s
	switch {
	case s.Type != TypeBurst:
		c.refuse([]string{"Entry", "Type"}, "%s reads what functions answer, and events have no answer; want Type %s",
			s.Type, TypeBurst)
	case !s.ProviderReport:
		c.refuse([]string{"ProviderReport", "Entry"}, "the end of an event is read from the platform's report; "+
			"want true")
	case s.ColdStart == ColdForce:
		c.refuse([]string{"ColdStart", "Entry"}, "whether an event met a cold function is known after the run; want %q",
			ColdIdle)
	}
}

// ImageContract is how the sub-experiment's images are talked to; empty: it has none.
func (s *SubExperiment) ImageContract() string {
	if s.PackageType != "Image" {
		return ""
	}
	return s.Platform.ImageContract
}
