package state

import (
	"bytes"
	"encoding/hex"
	"hash/crc32"
	"strconv"
)

// header is the log's first line; other formats will have other numbers.
const (
	headerText = "twinbook simulator state, format "
	header     = headerText + "1\n"
)

// maxLine is how long a line may be, and so the bytes of one write.
const maxLine = 16 << 20

// checksum is of the kind that processors have an instruction for.
var checksum = crc32.MakeTable(crc32.Castagnoli)

const checksumDigits = 8

// A line is one entry of the log: a record's new value, or nothing where it was taken away. On disk it is
//
//	checksum TAB number TAB kind TAB key TAB value NEWLINE
//
// where the checksum is of all between it and the end. Lines count from one.
type line struct {
	number           uint64
	kind, key, value []byte
}

func appendLine(b []byte, number uint64, kind, key string, value []byte) []byte {
	start := len(b)
	b = append(b, "00000000\t"...)
	b = strconv.AppendUint(b, number, 10)
	b = append(append(b, '\t'), kind...)
	b = append(append(b, '\t'), key...)
	b = append(append(b, '\t'), value...)
	putChecksum(b[start:])
	return append(b, '\n')
}

func putChecksum(text []byte) {
	sum := crc32.Checksum(text[checksumDigits:], checksum)
	for i := checksumDigits - 1; i >= 0; i-- {
		text[i] = "0123456789abcdef"[sum&15]
		sum >>= 4
	}
}

// parseLine reads a line, which comes without its end. What it gives lies in text.
func parseLine(text []byte) (l line, ok bool) {
	if len(text) <= checksumDigits || !sumHolds(text) {
		return line{}, false
	}
	fields := bytes.SplitN(text[checksumDigits+1:], []byte("\t"), 4)
	if len(fields) != 4 {
		return line{}, false
	}
	number, err := strconv.ParseUint(string(fields[0]), 10, 64)
	return line{number, fields[1], fields[2], fields[3]}, err == nil
}

func sumHolds(text []byte) bool {
	var sum [checksumDigits / 2]byte
	if _, err := hex.Decode(sum[:], text[:checksumDigits]); err != nil {
		return false
	}
	want := uint32(sum[0])<<24 | uint32(sum[1])<<16 | uint32(sum[2])<<8 | uint32(sum[3])
	return crc32.Checksum(text[checksumDigits:], checksum) == want
}

// fits says whether a kind or key can stand in a line.
func fits(name string) bool {
	for i := range len(name) {
		if name[i] < ' ' {
			return false
		}
	}
	return name != ""
}
