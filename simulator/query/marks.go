package query

import (
	"iter"
	"math"
	"math/bits"
	"slices"
)

// Marks are a fingerprint of the tags of a device: some bits for each value and where it stands. They
// answer quickly what most devices of a fleet are not: with the bits of site = 'berlin' missing, the
// device's tags need not be looked at. Zero says nothing, and may be any device's.
type Marks uint64

// known is set in all Marks that were computed.
const known Marks = 1

// A Tree is an Object that tells all its members. Objects in it are Trees.
type Tree interface {
	Object
	Members() iter.Seq2[string, any]
}

// MarksOf computes the marks of tags.
func MarksOf(tags Tree) Marks {
	return known | marksOf(hashText(hashStart, "tags"), tags)
}

func marksOf(place uint64, t Tree) (m Marks) {
	for name, v := range t.Members() {
		inner := hashText(place, name)
		if child, ok := v.(Tree); ok {
			m |= marksOf(inner, child)
		} else {
			m |= markOf(inner, v)
		}
	}
	return m
}

// MayMatch is false only if no device with these marks can match.
func (q *Query) MayMatch(m Marks) bool {
	return q.screen == nil || m == 0 || q.screen(m)
}

// A screen says whether a condition may hold for a device with some marks. A nil screen knows nothing.
type screen func(Marks) bool

// screenOf finds out what marks say about e: something where a tag is to be equal to a constant.
func screenOf(e expr) screen {
	switch e := e.(type) {
	case *comparison:
		if e.op != "=" {
			return nil
		}
		if c, ok := e.right.(*constant); ok {
			return screenValues(e.left, c.value)
		}
		if c, ok := e.left.(*constant); ok {
			return screenValues(e.right, c.value)
		}
	case *in:
		if !e.nin {
			return screenValues(e.left, e.list...)
		}
	case *logic:
		if e.or {
			return screenOr(e.operands)
		}
		return screenAnd(e.operands)
	}
	return nil
}

func screenOr(operands []expr) screen {
	var list []screen
	for _, e := range operands {
		s := screenOf(e)
		if s == nil {
			return nil
		}
		list = append(list, s)
	}
	return func(m Marks) bool {
		return slices.ContainsFunc(list, func(s screen) bool { return s(m) })
	}
}

func screenAnd(operands []expr) screen {
	var list []screen
	for _, e := range operands {
		if s := screenOf(e); s != nil {
			list = append(list, s)
		}
	}
	if len(list) == 0 {
		return nil
	}
	return func(m Marks) bool {
		return !slices.ContainsFunc(list, func(s screen) bool { return !s(m) })
	}
}

// maxScreened is how many values are worth a look; one of more is found by chance too often.
const maxScreened = 16

// screenValues is for a tag that is to have one of some values.
func screenValues(e expr, values ...any) screen {
	p, ok := e.(*path)
	if !ok || p.names[0] != "tags" || len(values) > maxScreened {
		return nil
	}
	place := hashStart
	for _, name := range p.names {
		place = hashText(place, name)
	}
	wanted := make([]Marks, len(values))
	for i, v := range values {
		wanted[i] = markOf(place, v)
	}
	return func(m Marks) bool {
		return slices.ContainsFunc(wanted, func(want Marks) bool { return m&want == want })
	}
}

// markOf is two bits for a value at its place, and none for what is not compared or never stored.
func markOf(place uint64, v any) Marks {
	switch v := v.(type) {
	case string:
		place = hashText(place^1, v)
	case float64:
		place = hashNumber(place^2, math.Float64bits(v+0)) // -0 becomes 0
	case bool:
		place = hashNumber(place^3, uint64(truth(v)))
	default:
		return 0
	}
	return bitOf(place) | bitOf(bits.RotateLeft64(place, 32))
}

// bitOf is one of the bits above known.
func bitOf(hash uint64) Marks {
	high, _ := bits.Mul64(hash, 63)
	return 2 << high
}

// The hash is FNV-1a over each text and its length, so that a.bc is not ab.c.
const (
	hashStart uint64 = 14695981039346656037
	hashPrime uint64 = 1099511628211
)

func hashText(h uint64, s string) uint64 {
	for i := range len(s) {
		h = (h ^ uint64(s[i])) * hashPrime
	}
	return hashNumber(h, uint64(len(s)))
}

func hashNumber(h, n uint64) uint64 { return mix((h ^ n) * hashPrime) }

// mix makes every bit depend on all; FNV leaves the upper ones alike. It is MurmurHash3's.
func mix(h uint64) uint64 {
	h ^= h >> 33
	h *= 0xff51afd7ed558ccd
	return h ^ h>>33
}
