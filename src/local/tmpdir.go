package local

import (
	"fmt"
	"path/filepath"
	"slices"
	"time"

	"github.com/vhive-serverless/STeLLAR/src/local/sandbox"
)

// maxTmp is the size limit of an instance's /tmp: Lambda's default.
const maxTmp = 512 << 20

// tmpPeriod is how often the size of /tmp is checked.
const tmpPeriod = time.Second

// noteSharedTmp warns, once, that instances are not isolated from each other here.
func (p *Platform) noteSharedTmp() {
	p.sharedTmp.Do(func() {
		why := p.opts.noNamespaces
		if why == "" {
			why = p.sandboxes.SharedTmp().Error()
		}
		p.opts.Warnf("functions share this machine's /tmp and can write to their package, because this process "+
			"may not make namespaces: %s; each still has a folder of its own in TMPDIR", why)
	})
}

// watchTmp ends instances whose /tmp has grown over Lambda's limit, until the platform ends. As on Lambda, /tmp is on
// disk and does not count as memory, and the size of a folder cannot be limited without its own file system.
func (p *Platform) watchTmp() {
	tick := time.NewTicker(p.opts.tmpPeriod)
	defer tick.Stop()
	for {
		select {
		case <-p.stop:
			return
		case <-tick.C:
		}
		for _, in := range p.everyInstance() {
			if size := sandbox.DiskUsage(in.tmpDir()); size > p.opts.maxTmp {
				in.end(result{kind: kindCrash, class: "Runtime.ExitError", msg: fmt.Sprintf(
					"function %s: its /tmp has %d MB; the limit is %d MB: no space left on device",
					in.fn.spec.Name, size>>20, p.opts.maxTmp>>20)})
			}
		}
	}
}

// tmpDir is the folder on this machine's disk that is the instance's /tmp, or its TMPDIR: its cell's, or a container's.
func (in *instance) tmpDir() string {
	if cell := in.cell.Load(); cell != nil {
		return cell.Tmp()
	}
	return filepath.Join(in.fn.platform.opts.Dir, "tmp", in.id)
}

// removeTmp removes that folder.
func (in *instance) removeTmp() error {
	if cell := in.cell.Load(); cell != nil {
		return cell.RemoveTmp()
	}
	return sandbox.RemoveTree(in.tmp)
}

// everyInstance lists the instances of all functions.
func (p *Platform) everyInstance() []*instance {
	var out []*instance
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, s := range p.services {
		for _, f := range slices.Concat(s.functions, s.former) {
			f.mu.Lock()
			for in := range f.all {
				out = append(out, in)
			}
			f.mu.Unlock()
		}
	}
	return out
}
