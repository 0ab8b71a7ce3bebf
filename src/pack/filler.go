package pack

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/sha256"
	"encoding/binary"
	"hash/crc32"
)

// fillerCRC is the CRC-32 of every filler. Its last four bytes are chosen to give this sum, so that the header before
// the data can be written before the data is made.
const fillerCRC uint32 = 0x5354454c

// filler is a body of incompressible bytes: the AES-CTR keystream under a key from the seed.
type filler struct {
	seed   int64
	number uint64 // of the filler in its package: each has a keystream of its own
	size   uint64 // at least 4
}

func (f filler) stream() (cipher.Stream, error) {
	key := sha256.Sum256(binary.BigEndian.AppendUint64([]byte("stellar filler 1 "), uint64(f.seed)))
	block, err := aes.NewCipher(key[:16])
	if err != nil {
		return nil, err
	}
	var iv [aes.BlockSize]byte
	binary.BigEndian.PutUint64(iv[:8], f.number)
	return cipher.NewCTR(block, iv[:]), nil
}

func (f filler) writeTo(p *pipe) error {
	stream, err := f.stream()
	if err != nil {
		return err
	}
	var crc uint32
	for left := f.size - 4; left > 0; {
		buf, err := p.room()
		if err != nil {
			return err
		}
		buf = buf[:min(uint64(len(buf)), left)]
		clear(buf)
		stream.XORKeyStream(buf, buf)
		crc = crc32.Update(crc, crc32.IEEETable, buf)
		p.commit(len(buf))
		left -= uint64(len(buf))
	}
	last := bytesFor(crc, fillerCRC)
	_, err = p.Write(last[:])
	return err
}

// bytesFor finds the four bytes that, after data with the CRC-32 crc, make the sum want. The CRC's register is run
// backwards from want over four bytes. Each step is determined by the register's top byte, because the top bytes of the
// 256 table entries are all different. (M. Stigge et al., "Reversing CRC - Theory and Practice", 2006.)
func bytesFor(crc, want uint32) [4]byte {
	register := ^want
	for range 4 {
		for i, t := range crc32.IEEETable {
			if t>>24 == register>>24 {
				register = (register^t)<<8 | uint32(i)
				break
			}
		}
	}
	var b [4]byte
	binary.LittleEndian.PutUint32(b[:], register^^crc)
	return b
}
