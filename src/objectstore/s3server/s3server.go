// Package s3server is a server of S3 on this machine's loopback address, with files in a folder. It is built on
// Versity's gateway, and the only package that knows it.
package s3server

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"syscall"
	"time"

	"github.com/versity/versitygw/auth"
	"github.com/versity/versitygw/backend"
	"github.com/versity/versitygw/backend/meta"
	"github.com/versity/versitygw/backend/posix"
	"github.com/versity/versitygw/s3api"
	"github.com/versity/versitygw/s3api/middlewares"
	"github.com/versity/versitygw/s3response"

	"github.com/vhive-serverless/STeLLAR/src/fail"
	"github.com/vhive-serverless/STeLLAR/src/objectstore/embedded"
)

// Limits of the server. A burst has a connection for each request, and each function of a chain one more.
const (
	maxConnections = 16384
	maxRequests    = maxConnections
	maxParts       = 10000           // of an upload, as S3 has it
	actions        = maxRequests     // on the file system at once; more would wait, and that time would be measured
	bufferBytes    = 256 << 10       // for copying, of each request
	stopTime       = 3 * time.Second // for requests that are being answered when the server ends
	loopback       = "127.0.0.1"     // no other machine reaches it
	bindAttempts   = 10              // at finding a free port
	dataMode       = os.FileMode(0o700)
	fileMode       = os.FileMode(0o600)
)

// Serve serves the store until ctx ends. It calls listening with the server's address once it takes requests. It
// changes the working directory of the process, and a process may serve only one store: the library has it so.
func Serve(ctx context.Context, o embedded.Options, listening func(url string)) error {
	files, err := open(o.Dir, o.MD5)
	if err != nil {
		return err
	}
	for attempt := 1; ; attempt++ {
		err := serveOn(ctx, o, files, listening)
		if o.Port == 0 && attempt < bindAttempts && errors.Is(err, syscall.EADDRINUSE) {
			continue // the port was free a moment ago
		}
		if errors.Is(err, syscall.EADDRINUSE) {
			return fail.With(fail.CodeFailed, "object store: port %d is in use", o.Port).
				WithHint("give another one with --port, or 0 for any free one")
		}
		return err
	}
}

// serveOn serves on one port.
func serveOn(ctx context.Context, o embedded.Options, files *posix.Posix, listening func(url string)) error {
	port := o.Port
	if port == 0 {
		var err error
		if port, err = freePort(); err != nil {
			return fail.With(fail.CodeFailed, "object store: %w", err)
		}
	}
	at := net.JoinHostPort(loopback, strconv.Itoa(port))
	var buckets backend.Backend = files
	if !o.MD5 {
		buckets = quick{files}
	}
	server, err := s3api.New(buckets, middlewares.RootUserConfig{Access: o.Keys.ID, Secret: o.Keys.Secret}, o.Region,
		accountOf(o.Keys), nil, nil, nil, nil, // no access log, events or metrics
		s3api.WithConcurrencyLimiter(maxConnections, maxRequests), s3api.WithMpMaxParts(maxParts), s3api.WithQuiet(),
		s3api.WithKeepAlive(), s3api.WithOnListen(func() { listening("http://" + at) }))
	if err != nil {
		return fail.With(fail.CodeFailed, "object store: %w", err)
	}
	ended := make(chan error, 1)
	fail.Go(fail.Report(ctx), func() { ended <- server.ServeMultiPort([]string{at}) })
	select {
	case err := <-ended:
		if err == nil {
			err = errors.New("it has ended by itself")
		}
		return fail.With(fail.CodeFailed, "object store: %w", err)
	case <-ctx.Done():
	}
	fail.Go(fail.Report(ctx), func() { _ = server.ShutDown() }) // it waits longer for requests than there is time
	select {
	case <-ended:
	case <-time.After(stopTime):
	}
	files.Shutdown()
	return nil
}

// quickChecksum is what an object's ETag is made of, where that is not its MD5 and the request names nothing else. Of
// the library's checksums it takes the least time: the library's default, a CRC-64, takes as long as the rest of a PUT.
const quickChecksum = "XXHASH128"

// quick is a store whose objects have the quick checksum.
type quick struct{ *posix.Posix }

var _ backend.Backend = quick{}

// PutObject writes an object.
func (q quick) PutObject(ctx context.Context, in s3response.PutObjectInput) (s3response.PutObjectOutput, error) {
	if in.ChecksumAlgorithm == "" {
		in.ChecksumAlgorithm = quickChecksum
	}
	return q.Posix.PutObject(ctx, in)
}

// oneAccount is the only account of the server. To requests with other keys it answers as S3 does (403); the library's
// own single account answers with a status of its administration API.
type oneAccount struct {
	auth.IAMService
	id string
}

func accountOf(k embedded.Keys) oneAccount {
	account := auth.Account{Access: k.ID, Secret: k.Secret, Role: auth.RoleAdmin}
	return oneAccount{IAMService: auth.NewIAMServiceSingle(account), id: k.ID}
}

// GetUserAccount gives the account with an access key.
func (a oneAccount) GetUserAccount(access string) (auth.Account, error) {
	if access != a.id {
		return auth.Account{}, auth.ErrNoSuchUser
	}
	return a.IAMService.GetUserAccount(access)
}

// freePort finds a port without a listener.
func freePort() (int, error) {
	l, err := net.Listen("tcp", net.JoinHostPort(loopback, "0"))
	if err != nil {
		return 0, err
	}
	return l.Addr().(*net.TCPAddr).Port, l.Close()
}

// open opens the folder in which buckets are folders and objects files. What S3 keeps of an object beside its content
// is in the file's extended attributes, or in a folder of its own where the file system has none.
func open(dir string, md5 bool) (*posix.Posix, error) {
	data := filepath.Join(dir, embedded.DataFolder)
	if err := os.MkdirAll(data, dataMode); err != nil {
		return nil, fail.With(fail.CodeFailed, "object store: %w", err)
	}
	opts := posix.PosixOpts{Concurrency: actions, IOBufferSize: bufferBytes, DataIntegrityEtag: !md5}
	opts.SetNewDirPerm(dataMode)
	opts.SetNewFilePerm(fileMode)
	var about meta.MetadataStorer = meta.XattrMeta{}
	if err := (meta.XattrMeta{}).Test(data); err != nil {
		opts.SideCarDir = filepath.Join(dir, embedded.AttributesFolder)
		if err := os.MkdirAll(opts.SideCarDir, dataMode); err != nil {
			return nil, fail.With(fail.CodeFailed, "object store: %w", err)
		}
		if about, err = meta.NewSideCar(opts.SideCarDir); err != nil {
			return nil, fail.With(fail.CodeFailed, "object store: %w", err)
		}
	}
	files, err := posix.New(data, about, opts)
	if err != nil {
		return nil, fail.With(fail.CodeFailed, "object store: %w", fmt.Errorf("open %s: %w", data, err))
	}
	return files, nil
}
