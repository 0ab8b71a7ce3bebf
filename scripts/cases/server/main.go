// Command server answers as servers do that gave users of load generators trouble: it closes idle connections early, it
// drains HTTP/2 connections, it folds header lines. scripts/cases.sh runs it.
package main

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"flag"
	"fmt"
	"io"
	"log"
	"math/big"
	"net"
	"net/http"
	"os"
	"sync/atomic"
	"time"

	"golang.org/x/net/http2"
	"golang.org/x/net/http2/hpack"
)

func main() {
	mode := flag.String(
		"mode",
		"http",
		"http: HTTP/1.1 and HTTP/2; drain: GOAWAY, answers, close; fold: a folded header",
	)
	idle := flag.Duration("idle", time.Minute, "closes connections that were idle this long")
	every := flag.Int64("goaway", 0, "drains the connection at every n-th request")
	cert := flag.String("cert", "", "serves TLS, with a certificate for 127.0.0.1 that it writes to this file")
	flag.Parse()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(ln.Addr())
	switch *mode {
	case "http":
		log.Fatal(serve(ln, *idle, *every, *cert))
	case "drain":
		log.Fatal(each(ln, drain))
	case "fold":
		log.Fatal(each(ln, fold))
	}
	log.Fatalf("there is no mode %q", *mode)
}

func serve(ln net.Listener, idle time.Duration, every int64, cert string) error {
	var count atomic.Int64
	s := &http.Server{IdleTimeout: idle, Protocols: new(http.Protocols), ErrorLog: log.New(io.Discard, "", 0)}
	s.Protocols.SetHTTP1(true)
	s.Protocols.SetHTTP2(true)
	s.Protocols.SetUnencryptedHTTP2(true)
	s.Handler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if n := count.Add(1); every > 0 && n%every == 0 {
			w.Header().Set("Connection", "close") // over HTTP/2: GOAWAY
		}
		fmt.Fprintf(w, "%s %s\n", r.Proto, r.URL.Path)
	})
	if cert == "" {
		return s.Serve(ln)
	}
	pair, err := certificate(cert)
	if err != nil {
		return err
	}
	s.TLSConfig = &tls.Config{Certificates: []tls.Certificate{pair}, MinVersion: tls.VersionTLS12}
	return s.ServeTLS(ln, "", "")
}

func certificate(path string) (tls.Certificate, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return tls.Certificate{}, err
	}
	t := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "127.0.0.1"},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, IsCA: true, BasicConstraintsValid: true,
		KeyUsage: x509.KeyUsageCertSign | x509.KeyUsageDigitalSignature}
	der, err := x509.CreateCertificate(rand.Reader, t, t, &key.PublicKey, key)
	if err != nil {
		return tls.Certificate{}, err
	}
	err = os.WriteFile(path, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), 0o644)
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}, err
}

func each(ln net.Listener, handle func(net.Conn)) error {
	for {
		c, err := ln.Accept()
		if err != nil {
			return err
		}
		go func() {
			defer c.Close()
			handle(c)
		}()
	}
}

// drain waits for 20 streams on its first connections, says that it answers 5 of them, answers those, and closes. A
// connection that brings fewer streams within a second is served as it is.
func drain(c net.Conn) {
	const most, answered = 20, 5
	preface := make([]byte, len(http2.ClientPreface))
	if _, err := io.ReadFull(c, preface); err != nil {
		return
	}
	fr := http2.NewFramer(c, c)
	_ = fr.WriteSettings()
	var ids []uint32
	for len(ids) < most {
		if len(ids) > 0 {
			_ = c.SetReadDeadline(time.Now().Add(time.Second))
		}
		f, err := fr.ReadFrame()
		if err != nil {
			break
		}
		if h, ok := f.(*http2.HeadersFrame); ok {
			ids = append(ids, h.StreamID)
		}
	}
	var out, block bytes.Buffer
	w := http2.NewFramer(&out, nil)
	enc := hpack.NewEncoder(&block)
	if len(ids) == most {
		ids = ids[:answered]
		_ = w.WriteGoAway(ids[answered-1], http2.ErrCodeNo, nil)
	}
	for _, id := range ids {
		block.Reset()
		_ = enc.WriteField(hpack.HeaderField{Name: ":status", Value: "200"})
		_ = w.WriteHeaders(http2.HeadersFrameParam{StreamID: id, BlockFragment: block.Bytes(), EndHeaders: true})
		_ = w.WriteData(id, true, []byte("ok"))
	}
	_, _ = c.Write(out.Bytes())
}

// fold answers each request with a header line that goes on in the next one.
func fold(c net.Conn) {
	buf := make([]byte, 64<<10)
	for n := 0; ; {
		k, err := c.Read(buf[n:])
		if err != nil {
			return
		}
		n += k
		for {
			end := bytes.Index(buf[:n], []byte("\r\n\r\n"))
			if end < 0 {
				break
			}
			n = copy(buf, buf[end+4:n])
			_, err := io.WriteString(c, "HTTP/1.1 200 OK\r\nX-A: one\r\n  two\r\nContent-Length: 5\r\n\r\nhello")
			if err != nil {
				return
			}
		}
	}
}
