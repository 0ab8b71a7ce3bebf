package http1

import (
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"golang.org/x/net/http/httpguts"
)

// appendHead adds the head of an answer as net/http's server writes it: its fields in the order of their names, those
// that no header may have left out, the date, the length, and the type where the body alone tells it.
func appendHead(b []byte, status int, header http.Header, body []byte, last bool) []byte {
	b = append(b, "HTTP/1.1 "...)
	b = strconv.AppendInt(b, int64(status), 10)
	b = append(b, ' ')
	if text := http.StatusText(status); text != "" {
		b = append(b, text...)
	} else {
		b = strconv.AppendInt(append(b, "status code "...), int64(status), 10)
	}
	b = append(b, "\r\n"...)
	b = appendFields(b, header, bodyAllowed(status), len(body))
	if _, has := header["Date"]; !has {
		b = append(b, "Date: "...)
		b = append(time.Now().UTC().AppendFormat(b, http.TimeFormat), "\r\n"...)
	}
	if _, has := header["Content-Type"]; !has && len(body) > 0 && header.Get("Content-Encoding") == "" {
		b = append(append(append(b, "Content-Type: "...), http.DetectContentType(body)...), "\r\n"...)
	}
	if last {
		b = append(b, "Connection: close\r\n"...)
	}
	return append(b, "\r\n"...)
}

// bodyAllowed reports whether an answer of that status can have a body (RFC 9110, section 6.4.1).
func bodyAllowed(status int) bool {
	return status != http.StatusNoContent && status != http.StatusNotModified
}

const contentLength = "Content-Length"

// lineBreaks are what a value may not have, and what net/http puts in their place.
var lineBreaks = strings.NewReplacer("\n", " ", "\r", " ")

// appendFields adds the fields of a header and, in its place among them, the length.
func appendFields(b []byte, header http.Header, withLength bool, length int) []byte {
	var room [16]string
	names := room[:0]
	if withLength {
		names = append(names, contentLength)
	}
	for name := range header {
		if name != contentLength && httpguts.ValidHeaderFieldName(name) {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	for _, name := range names {
		if name == contentLength {
			b = strconv.AppendInt(append(b, "Content-Length: "...), int64(length), 10)
			b = append(b, "\r\n"...)
			continue
		}
		for _, value := range header[name] {
			value = strings.Trim(lineBreaks.Replace(value), " \t")
			b = append(append(append(append(b, name...), ": "...), value...), "\r\n"...)
		}
	}
	return b
}
