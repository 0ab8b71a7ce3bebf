package local

import (
	"encoding/base64"
	"encoding/hex"
	"math/rand/v2"
	"mime"
	"net"
	"net/http"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"
)

// appendEvent builds the event of an HTTP API in payload format 2.0. It is written by hand, into one piece of memory,
// because every request needs it and a body can be 6 MB.
func appendEvent(r *http.Request, f *function, inv *invocation, path string, body []byte) []byte {
	text := isText(r.Header.Get("Content-Type")) && utf8.Valid(body)
	size := len(body) + len(body)/8
	if !text {
		size = base64.StdEncoding.EncodedLen(len(body))
	}
	b := make([]byte, 0, size+1200+len(r.URL.RawQuery)*2)
	route := f.spec.Method + " " + f.spec.Path
	if inv.onURL {
		route = "$default"
	}
	b = append(b, `{"version":"2.0","routeKey":`...)
	b = appendJSON(b, route)
	b = append(b, `,"rawPath":`...)
	b = appendJSON(b, path)
	b = append(b, `,"rawQueryString":`...)
	b = appendJSON(b, r.URL.RawQuery)
	b = appendCookies(b, r.Header["Cookie"])
	b = appendHeaders(b, r, inv.trace)
	b = appendQuery(b, r)
	b = appendParameters(b, f, inv, path)
	b = appendContext(b, r, f, inv, path, route)
	if len(body) == 0 {
		return append(b, `,"isBase64Encoded":false}`...)
	}
	b = append(b, `,"body":`...)
	if text {
		return append(appendJSON(b, body), `,"isBase64Encoded":false}`...)
	}
	b = append(b, '"')
	b = base64.StdEncoding.AppendEncode(b, body)
	return append(b, `","isBase64Encoded":true}`...)
}

// isText reports whether a body of that type goes into the event unchanged: text, JSON, XML and JavaScript do.
func isText(contentType string) bool {
	if contentType == "application/json" { // the usual case
		return true
	}
	kind, _, err := mime.ParseMediaType(contentType)
	if err != nil {
		return false
	}
	sub := strings.TrimPrefix(kind, "application/")
	return strings.HasPrefix(kind, "text/") || sub == "json" || sub == "xml" || sub == "javascript" ||
		strings.HasSuffix(sub, "+json") || strings.HasSuffix(sub, "+xml")
}

func appendCookies(b []byte, lines []string) []byte {
	if len(lines) == 0 {
		return b
	}
	b = append(b, `,"cookies":[`...)
	first := true
	for _, line := range lines {
		for cookie := range strings.SplitSeq(line, ";") {
			if cookie = strings.TrimSpace(cookie); cookie == "" {
				continue
			}
			if !first {
				b = append(b, ',')
			}
			first = false
			b = appendJSON(b, cookie)
		}
	}
	return append(b, ']')
}

// appendHeaders writes names in lower case and joins values of one name with commas; cookies are left out.
func appendHeaders(b []byte, r *http.Request, trace string) []byte {
	host, port := splitAddr(r.Host)
	ip, _ := splitAddr(r.RemoteAddr)
	b = append(b, `,"headers":{"host":`...)
	b = appendJSON(b, r.Host)
	b = append(b, `,"x-amzn-trace-id":`...)
	b = appendJSON(b, trace)
	b = append(b, `,"x-forwarded-for":`...)
	b = appendJSON(b, joinForwarded(r.Header["X-Forwarded-For"], ip))
	if port != "" && host != "" {
		b = append(b, `,"x-forwarded-port":`...)
		b = appendJSON(b, port)
	}
	b = append(b, `,"x-forwarded-proto":"http"`...)
	for name, values := range r.Header {
		switch name {
		case "Cookie", "X-Amzn-Trace-Id", "X-Forwarded-For", "X-Forwarded-Port", "X-Forwarded-Proto":
			continue
		}
		b = append(b, ',')
		b = appendJSON(b, strings.ToLower(name))
		b = append(b, ':')
		if len(values) == 1 {
			b = appendJSON(b, values[0])
		} else {
			b = appendJSON(b, strings.Join(values, ","))
		}
	}
	return append(b, '}')
}

func joinForwarded(before []string, ip string) string {
	if len(before) == 0 {
		return ip
	}
	return strings.Join(before, ", ") + ", " + ip
}

// appendQuery writes the decoded parameters, values of one name joined with commas in their order.
func appendQuery(b []byte, r *http.Request) []byte {
	if r.URL.RawQuery == "" {
		return b
	}
	query := r.URL.Query()
	if len(query) == 0 {
		return b
	}
	b = append(b, `,"queryStringParameters":{`...)
	first := true
	for name, values := range query {
		if !first {
			b = append(b, ',')
		}
		first = false
		b = appendJSON(b, name)
		b = append(b, ':')
		b = appendJSON(b, strings.Join(values, ","))
	}
	return append(b, '}')
}

// appendParameters writes what the variable in the route's path stands for, if there is one.
func appendParameters(b []byte, f *function, inv *invocation, path string) []byte {
	_, variable := greedy(f.spec.Path)
	if variable == "" || inv.onURL {
		return b
	}
	b = append(b, `,"pathParameters":{`...)
	b = appendJSON(b, variable)
	b = append(b, ':')
	b = appendJSON(b, f.below(path)[1:])
	return append(b, '}')
}

func appendContext(b []byte, r *http.Request, f *function, inv *invocation, path, route string) []byte {
	ip, _ := splitAddr(r.RemoteAddr)
	domain, _ := splitAddr(r.Host)
	b = append(b, `,"requestContext":{"accountId":"000000000000","apiId":`...)
	b = appendJSON(b, f.service)
	b = append(b, `,"domainName":`...)
	b = appendJSON(b, domain)
	b = append(b, `,"domainPrefix":`...)
	prefix, _, _ := strings.Cut(domain, ".")
	b = appendJSON(b, prefix)
	b = append(b, `,"http":{"method":`...)
	b = appendJSON(b, r.Method)
	b = append(b, `,"path":`...)
	b = appendJSON(b, path)
	b = append(b, `,"protocol":`...)
	b = appendJSON(b, r.Proto)
	b = append(b, `,"sourceIp":`...)
	b = appendJSON(b, ip)
	b = append(b, `,"userAgent":`...)
	b = appendJSON(b, r.Header.Get("User-Agent"))
	b = append(b, `},"requestId":"`...)
	b = append(b, inv.id...)
	b = append(b, `","routeKey":`...)
	b = appendJSON(b, route)
	b = append(b, `,"stage":"$default","time":"`...)
	b = inv.arrival.UTC().AppendFormat(b, "02/Jan/2006:15:04:05 -0700")
	b = append(b, `","timeEpoch":`...)
	b = strconv.AppendInt(b, inv.arrival.UnixMilli(), 10)
	return append(b, '}')
}

func splitAddr(addr string) (host, port string) {
	host, port, err := net.SplitHostPort(addr)
	if err != nil {
		return addr, ""
	}
	return host, port
}

const hexDigits = "0123456789abcdef"

// appendJSON appends a JSON string. Runs that need no escape are copied whole; bytes that are not UTF-8 become U+FFFD.
func appendJSON[S ~string | ~[]byte](b []byte, s S) []byte {
	b = append(b, '"')
	from := 0
	for i := 0; i < len(s); {
		c := s[i]
		if c >= ' ' && c != '"' && c != '\\' && c < utf8.RuneSelf {
			i++
			continue
		}
		if c >= utf8.RuneSelf {
			r, n := utf8.DecodeRuneInString(string(s[i:min(i+utf8.UTFMax, len(s))]))
			if r == utf8.RuneError && n == 1 {
				b = append(append(b, s[from:i]...), "\ufffd"...)
				from = i + 1
			}
			i += n
			continue
		}
		b = append(b, s[from:i]...)
		switch c {
		case '"', '\\':
			b = append(b, '\\', c)
		case '\n':
			b = append(b, '\\', 'n')
		case '\r':
			b = append(b, '\\', 'r')
		case '\t':
			b = append(b, '\\', 't')
		default:
			b = append(b, '\\', 'u', '0', '0', hexDigits[c>>4], hexDigits[c&15])
		}
		i++
		from = i
	}
	return append(append(b, s[from:]...), '"')
}

// newRequestID gives a random UUID, version 4. Its generator is fast and seeded by the system; ids are no secrets.
func newRequestID() string {
	var raw [16]byte
	fillRandom(raw[:])
	raw[6], raw[8] = raw[6]&0x0f|0x40, raw[8]&0x3f|0x80
	var out [36]byte
	hex.Encode(out[0:8], raw[0:4])
	hex.Encode(out[9:13], raw[4:6])
	hex.Encode(out[14:18], raw[6:8])
	hex.Encode(out[19:23], raw[8:10])
	hex.Encode(out[24:36], raw[10:16])
	out[8], out[13], out[18], out[23] = '-', '-', '-', '-'
	return string(out[:])
}

// randomHex returns n random bytes as hex digits.
func randomHex(n int) string {
	raw := make([]byte, n)
	fillRandom(raw)
	return hex.EncodeToString(raw)
}

func fillRandom(raw []byte) {
	for i := 0; i < len(raw); i += 8 {
		v := rand.Uint64()
		for j := i; j < len(raw) && j < i+8; j++ {
			raw[j] = byte(v)
			v >>= 8
		}
	}
}

// traceID returns a trace header in the form of X-Ray, never sampled.
func traceID(now time.Time) string {
	return "Root=1-" + strconv.FormatInt(now.Unix(), 16) + "-" + randomHex(12) + ";Sampled=0"
}
