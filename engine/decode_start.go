package engine

// concurrencyShape is what bounds how many runs are under way.
func concurrencyShape() *Shape {
	return &Shape{Keys: []Key{
		{Name: "key", Required: true, Doc: "Runs with the same key share the places, also those of other workflows.", Shape: &Shape{Kind: KindText, NotEmpty: true}},
		{Name: "limit", Doc: "How many may be under way; 1 unless given.", Shape: &Shape{Kind: KindInt, Literal: true, Min: &one}},
		{Name: "whenFull", Doc: "What becomes of a run when all places are taken; queue unless given.", Shape: OneOf("", string(Queue), string(Reject), string(Replace))},
	}}
}

func (b *builder) concurrency(d *Decoded) *Concurrency {
	if d == nil {
		return nil
	}
	c := &Concurrency{Pos: d.Pos(), Key: d.Get("key").Value(), Limit: int(d.Get("limit").Number(1)), WhenFull: Queue}
	if text := d.Get("whenFull").Text(); text != "" {
		c.WhenFull = WhenFull(text)
	}
	return c
}
