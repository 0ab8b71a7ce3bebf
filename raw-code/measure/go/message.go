package main

import (
	"encoding/binary"
	"errors"
	"strconv"
	"strings"
	"time"
)

// The messages of proto_gen.ProducerConsumer/InvokeNext, read and written by hand as
// protobuf.dev/programming-guides/encoding has them. Fields 1 to 8 are those of all functions on vHive and keep their
// name, type and number; 100 and up are ours, and a function that does not know them passes over them.

// Fields of InvokeChainRequest.
const (
	askIncrements = 1 // string
	askChain      = 2 // string: [host:port host:port]
	askLength     = 3 // string
	askPayload    = 4 // string
	askStamps     = 5 // string: [ms ms], of the functions before
	askStorage    = 8 // bool
)

// Fields of InvokeChainReply.
const (
	tellStamps     = 1   // string: [ms ms], of all functions
	tellRequestID  = 100 // string
	tellInstanceID = 101 // string
	tellCold       = 102 // optional bool
	tellInvocation = 103 // int64
	tellInit       = 104 // optional int64, ns
	tellSpin       = 105 // optional int64, ns
	tellReceived   = 106 // int64, Unix ns: the whole request was in
	tellReplied    = 107 // int64, Unix ns: the reply was made
	tellExact      = 108 // repeated message {int64 function = 1; int64 at = 2;}: stamps in Unix ns
	tellHops       = 109 // repeated message, see hop
	tellPayload    = 110 // int64, bytes that came in or were made
	tellIncrements = 111 // int64
	tellSink       = 112 // uint64
)

// Wire types.
const (
	wireVarint  = 0
	wireFixed64 = 1
	wireBytes   = 2
	wireFixed32 = 5
)

var errMessage = errors.New("the message is not in the protocol buffers' encoding")

// eachField goes through a message. A field of wire type 0 has a value, one of wire type 2 has data, which lies in m.
func eachField(m []byte, do func(number, value uint64, data []byte) error) error {
	for len(m) > 0 {
		key, n := binary.Uvarint(m)
		if n <= 0 || key>>3 == 0 {
			return errMessage
		}
		m = m[n:]
		value, length, skip := uint64(0), uint64(0), 0
		switch key & 7 {
		case wireVarint:
			value, skip = binary.Uvarint(m)
		case wireFixed64:
			skip = 8
		case wireBytes:
			length, skip = binary.Uvarint(m)
		case wireFixed32:
			skip = 4
		}
		if skip <= 0 || skip > len(m) || length > uint64(len(m)-skip) {
			return errMessage
		}
		data := m[skip : skip+int(length)]
		m = m[skip+int(length):]
		if kind := key & 7; kind == wireVarint || kind == wireBytes {
			if err := do(key>>3, value, data); err != nil {
				return err
			}
		}
	}
	return nil
}

// appendInt writes a number. A 0 is written too: it is a value, and its absence would be none.
func appendInt(b []byte, number int, value int64) []byte {
	b = binary.AppendUvarint(b, uint64(number)<<3|wireVarint)
	return binary.AppendUvarint(b, uint64(value))
}

func appendText[T string | []byte](b []byte, number int, text T) []byte {
	return append(appendLength(b, number, len(text)), text...)
}

// appendLength writes what stands before n bytes of text or of a message.
func appendLength(b []byte, number, n int) []byte {
	b = binary.AppendUvarint(b, uint64(number)<<3|wireBytes)
	return binary.AppendUvarint(b, uint64(n))
}

// chainRequest is an InvokeChainRequest as it came.
type chainRequest struct {
	texts   map[string]string // parameters that are given, by the names that they have over HTTP
	chain   string
	stamps  string
	payload []byte // lies in the message
	storage bool
}

func readRequest(m []byte) (chainRequest, error) {
	r := chainRequest{texts: map[string]string{}}
	err := eachField(m, func(number, value uint64, data []byte) error {
		switch number {
		case askIncrements:
			r.give("IncrementLimit", data)
		case askLength:
			r.give("PayloadLengthBytes", data)
		case askChain:
			r.chain = string(data)
		case askStamps:
			r.stamps = string(data)
		case askPayload:
			r.payload = data
		case askStorage:
			r.storage = value != 0
		}
		return nil
	})
	return r, err
}

// give notes a parameter; in proto3 an empty text is one that was not given.
func (r *chainRequest) give(name string, data []byte) {
	if len(data) > 0 {
		r.texts[name] = string(data)
	}
}

func (r *chainRequest) param(name string) (string, bool) {
	v, ok := r.texts[name]
	return v, ok
}

// list takes [a b] apart, as old functions write it; commas serve too.
func list(text string) []string {
	text = strings.TrimSuffix(strings.TrimPrefix(strings.TrimSpace(text), "["), "]")
	return strings.FieldsFunc(text, func(r rune) bool { return r == ' ' || r == ',' })
}

func listText(items []string) string { return "[" + strings.Join(items, " ") + "]" }

// hop is the way from one function to the next. The first two instants of each clock make a transfer, all four the
// clocks' offset and how far it may be wrong.
type hop struct {
	function int   // that sent, counted from 0
	sent     int64 // Unix ns, the sender's clock
	received int64 // the whole payload was in, the receiver's clock; 0: it does not say
	bytes    int64 // of the payload
	replied  int64 // the receiver's clock; 0: it does not say
	answered int64 // the reply was in, the sender's clock
}

// exact is a function's stamp in Unix ns: those of the contract are milliseconds.
type exact struct {
	function int
	at       int64
}

// chainReply is an InvokeChainReply.
type chainReply struct {
	stamps    []string // Unix ms
	requestID string
	instance  Instance
	received  int64
	replied   int64
	spin      int64
	exact     []exact
	hops      []hop
	payload   int64 // -1: a function that does not say
	work      params
	sink      uint64
}

func (r *chainReply) encode() []byte {
	m := appendText(nil, tellStamps, listText(r.stamps))
	m = appendText(m, tellRequestID, r.requestID)
	m = appendText(m, tellInstanceID, r.instance.ID)
	cold := int64(0)
	if r.instance.Cold {
		cold = 1
	}
	for _, f := range []struct {
		number int
		value  int64
	}{{tellCold, cold}, {tellInvocation, r.instance.Invocation}, {tellInit, r.instance.InitNs}, {tellSpin, r.spin},
		{tellReceived, r.received}, {tellReplied, r.replied}, {tellPayload, r.payload},
		{tellIncrements, r.work.increments},
		{tellSink, int64(r.sink)}} {
		m = appendInt(m, f.number, f.value)
	}
	for _, e := range r.exact {
		m = appendText(m, tellExact, appendInt(appendInt(nil, 1, int64(e.function)), 2, e.at))
	}
	for _, h := range r.hops {
		part := appendInt(nil, 1, int64(h.function))
		for i, v := range []int64{h.sent, h.received, h.bytes, h.replied, h.answered} {
			if v != 0 || i == 2 { // an instant of 0 is one that was not told
				part = appendInt(part, i+2, v)
			}
		}
		m = appendText(m, tellHops, part)
	}
	return m
}

// readReply takes from the next function's reply what goes on to the caller.
func readReply(m []byte) (chainReply, error) {
	r := chainReply{payload: -1}
	err := eachField(m, func(number, value uint64, data []byte) error {
		switch number {
		case tellStamps:
			r.stamps = list(string(data))
		case tellReceived:
			r.received = int64(value)
		case tellReplied:
			r.replied = int64(value)
		case tellPayload:
			r.payload = int64(value)
		case tellExact:
			var v [3]int64
			if err := readInts(data, v[:]); err != nil {
				return err
			}
			r.exact = append(r.exact, exact{int(v[1]), v[2]})
		case tellHops:
			var v [7]int64
			if err := readInts(data, v[:]); err != nil {
				return err
			}
			r.hops = append(r.hops, hop{int(v[1]), v[2], v[3], v[4], v[5], v[6]})
		}
		return nil
	})
	return r, err
}

// readInts takes a message of numbers apart, each to the place of its field's number.
func readInts(m []byte, to []int64) error {
	return eachField(m, func(number, value uint64, _ []byte) error {
		if number < uint64(len(to)) {
			to[number] = int64(value)
		}
		return nil
	})
}

// millis writes an instant as the contract's stamps are.
func millis(t time.Time) string { return strconv.FormatInt(t.UnixMilli(), 10) }
