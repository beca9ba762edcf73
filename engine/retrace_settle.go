package engine

import "reflect"

// settle finds what is kept and what the new run makes of it. A list that a loop goes over may have come out
// differently this time, if it depends on the time or on what is read again. Then what was done for one item
// says nothing about another in its place.
func (r *retracing) settle() (kept []Event, left future) {
	for {
		kept = r.keep(false)
		left = r.foresee(kept)
		if !r.forgetOtherItems(left) {
			return kept, left
		}
	}
}

// forgetOtherItems forgets what was done for items that are others now, and says whether there are any.
func (r *retracing) forgetOtherItems(f future) (some bool) {
	for _, was := range r.items {
		is := f.parts[was.at]
		if is == nil || r.others[was.at] || reflect.DeepEqual(is.Item, was.value) {
			continue
		}
		r.others[was.at], some = true, true
	}
	return some
}

// ofOtherItem says whether what is kept at an address belongs to an item that is another one now.
func (r *retracing) ofOtherItem(at Address) bool {
	if len(r.others) == 0 {
		return false
	}
	for i, c := range at {
		if c == ']' && r.others[at[:i+1]] {
			return true
		}
	}
	return false
}
