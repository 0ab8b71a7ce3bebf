//go:build linux

package main

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"time"
)

// certificate makes a fresh self-signed one for 127.0.0.1 and writes it to dir/cert.pem, for clients to trust.
func certificate(dir string) (tls.Certificate, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return tls.Certificate{}, fmt.Errorf("key: %w", err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(time.Now().UnixNano()), Subject: pkix.Name{CommonName: "localhost"},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(24 * time.Hour),
		DNSNames: []string{"localhost"}, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
		KeyUsage: x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign, IsCA: true, BasicConstraintsValid: true,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		return tls.Certificate{}, fmt.Errorf("certificate: %w", err)
	}
	text := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
	if err := os.WriteFile(filepath.Join(dir, "cert.pem"), text, 0o600); err != nil {
		return tls.Certificate{}, fmt.Errorf("certificate: %w", err)
	}
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}, nil
}

// tlsConfig allows one key exchange, so that handshakes cost the server the same whoever the client is: h2load (with
// OpenSSL 3.0) and fortio offer X25519 alone. stellar, hey and k6 offer X25519MLKEM768 first, with which both sides of
// a handshake together compute 1.7 times as long.
func tlsConfig(cert tls.Certificate, protocols []string) *tls.Config {
	return &tls.Config{
		Certificates: []tls.Certificate{cert}, NextProtos: protocols, MinVersion: tls.VersionTLS12,
		CurvePreferences: []tls.CurveID{tls.X25519},
	}
}

// secure serves the TLS ports: two goroutines a connection, since crypto/tls knows no other way. What they cost is
// outside of the requests: a request is stamped when its record is open, the answer when its record is written.
type secure struct {
	book  *ledger
	delay time.Duration
	ids   *atomic.Int32
}

func (s *secure) serve(ln net.Listener) error {
	for {
		raw, err := ln.Accept()
		if err != nil {
			return err
		}
		go s.talk(raw.(*tls.Conn))
	}
}

func (s *secure) talk(wire *tls.Conn) {
	defer func() { _ = wire.Close() }()
	if wire.Handshake() != nil {
		return
	}
	c := &conn{id: s.ids.Add(1)}
	if wire.ConnectionState().NegotiatedProtocol == "h2" {
		c.proto = http2
		if _, err := wire.Write(c.greeting()); err != nil {
			return
		}
	}
	var mu sync.Mutex // for c, which both goroutines use
	todo := make(chan answer, 4096)
	go s.pay(wire, c, &mu, todo)
	defer close(todo)
	buffer := make([]byte, 16<<10)
	for {
		n, err := wire.Read(buffer)
		if err != nil {
			return
		}
		now := s.book.now()
		mu.Lock()
		ok := c.consume(buffer[:n], func(stream uint32, delay time.Duration, last bool) {
			c.index++
			if delay < 0 {
				delay = s.delay
			}
			seq := s.book.arrive(c.id, c.index, now)
			todo <- answer{due: now + int64(delay), seq: seq, stream: stream, last: last}
		})
		err = s.flush(wire, c)
		mu.Unlock()
		if err != nil || !ok {
			return
		}
	}
}

// pay writes the answers of one connection when they are due, all that are due in one write.
func (s *secure) pay(wire *tls.Conn, c *conn, mu *sync.Mutex, todo <-chan answer) {
	next, more := <-todo
	for more {
		time.Sleep(time.Duration(next.due - s.book.now()))
		mu.Lock()
		for now := s.book.now(); more && next.due <= now; {
			c.reply(next)
			select {
			case next, more = <-todo:
				continue
			default:
			}
			next.due = -1
			break
		}
		err := s.flush(wire, c)
		mu.Unlock()
		if err != nil || c.closing {
			_ = wire.Close()
			for range todo { // the reader may be about to add to it
			}
			return
		}
		if next.due < 0 {
			next, more = <-todo
		}
	}
}

func (s *secure) flush(wire *tls.Conn, c *conn) error {
	if len(c.out) == 0 {
		return nil
	}
	_, err := wire.Write(c.out)
	c.out = c.out[:0]
	now := s.book.now()
	for _, seq := range c.owed {
		s.book.answered(seq, now)
	}
	c.owed = c.owed[:0]
	return err
}
