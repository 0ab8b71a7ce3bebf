package probe

import (
	"encoding/binary"
	"fmt"
)

// HTTP/2 framing, RFC 9113, sections 4 to 6.
const (
	frameData         = 0x0
	frameHeaders      = 0x1
	framePriority     = 0x2
	frameReset        = 0x3
	frameSettings     = 0x4
	framePush         = 0x5
	framePing         = 0x6
	frameGoAway       = 0x7
	frameWindow       = 0x8
	frameContinuation = 0x9

	flagEndStream  = 0x1
	flagAck        = 0x1
	flagEndHeaders = 0x4
	flagPadded     = 0x8
	flagPriority   = 0x20

	settingPush    = 0x2
	settingStreams = 0x3
	settingWindow  = 0x4
	settingFrame   = 0x5
	settingHead    = 0x6

	frameHead   = 9     // bytes before a frame's content
	frameMost   = 16384 // content that every peer takes; more is never announced here
	firstWindow = 65535 // bytes that may be sent before the peer says otherwise
	windowMost  = 1<<31 - 1
	idMost      = 1 << 30 // of streams: then another connection is taken
	refusedCode = 0x7
	cancelCode  = 0x8

	maxBlock    = 1 << 20 // of a header block as it comes: a longer one ends the connection
	leastPart   = 1 << 10 // what a frame counts of that at least
	repliesMost = 10_000  // acknowledgements that wait for the server to read
)

// preface is the first bytes of every client.
const preface = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"

func appendFrame(b []byte, kind, flags byte, stream uint32, length int) []byte {
	b = append(b, byte(length>>16), byte(length>>8), byte(length), kind, flags)
	return binary.BigEndian.AppendUint32(b, stream)
}

func appendSetting(b []byte, name uint16, value uint32) []byte {
	return binary.BigEndian.AppendUint32(binary.BigEndian.AppendUint16(b, name), value)
}

// appendGreeting appends the preface and the settings: no pushes, the limit of a head, and windows so large that no
// answer waits for a window update of the client.
func appendGreeting(b []byte, streamWindow uint32) []byte {
	b = append(b, preface...)
	b = appendFrame(b, frameSettings, 0, 0, 18)
	b = appendSetting(b, settingPush, 0)
	b = appendSetting(b, settingWindow, streamWindow)
	b = appendSetting(b, settingHead, maxHead)
	return appendWindow(b, 0, windowMost-firstWindow)
}

func appendWindow(b []byte, stream, more uint32) []byte {
	return binary.BigEndian.AppendUint32(appendFrame(b, frameWindow, 0, stream, 4), more)
}

// frame is one complete frame.
type frame struct {
	kind, flags byte
	stream      uint32
	content     []byte
}

// cutFrame cuts the first frame off data; used is 0 if it is not complete.
func cutFrame(data []byte) (f frame, used int, err error) {
	if len(data) < frameHead {
		return f, 0, nil
	}
	length := int(data[0])<<16 | int(data[1])<<8 | int(data[2])
	if length > frameMost {
		return f, 0, broken("a frame is longer than HTTP/2 allows it here")
	}
	if len(data) < frameHead+length {
		return f, 0, nil
	}
	f = frame{kind: data[3], flags: data[4], stream: binary.BigEndian.Uint32(data[5:]) & windowMost,
		content: data[frameHead : frameHead+length]}
	return f, frameHead + length, nil
}

// unpadded is the content without padding and, of HEADERS, without priority.
func (f frame) unpadded() ([]byte, error) {
	content := f.content
	if f.flags&flagPadded != 0 {
		if len(content) == 0 || int(content[0]) >= len(content) {
			return nil, broken("a frame's padding is longer than the frame")
		}
		content = content[1 : len(content)-int(content[0])]
	}
	if f.kind == frameHeaders && f.flags&flagPriority != 0 {
		if len(content) < 5 {
			return nil, broken("a frame is too short for its priority")
		}
		content = content[5:]
	}
	return content, nil
}

// resetError is the end of one stream by the server.
type resetError uint32

func (e resetError) Error() string {
	return fmt.Sprintf("the server reset the stream (%s)", errorName(uint32(e)))
}

// goAwayError is why a request has to use another connection.
type goAwayError uint32

func (e goAwayError) Error() string {
	return fmt.Sprintf("the server drains the connection (GOAWAY, %s)", errorName(uint32(e)))
}

// errorName is the name of an HTTP/2 error code (RFC 9113, section 7).
func errorName(code uint32) string {
	names := [...]string{"NO_ERROR", "PROTOCOL_ERROR", "INTERNAL_ERROR", "FLOW_CONTROL_ERROR", "SETTINGS_TIMEOUT",
		"STREAM_CLOSED",
		"FRAME_SIZE_ERROR", "REFUSED_STREAM", "CANCEL", "COMPRESSION_ERROR", "CONNECT_ERROR", "ENHANCE_YOUR_CALM",
		"INADEQUATE_SECURITY",
		"HTTP_1_1_REQUIRED"}
	if int(code) < len(names) {
		return names[code]
	}
	return fmt.Sprintf("error %d", code)
}
