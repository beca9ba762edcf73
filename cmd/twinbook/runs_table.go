package main

import "strings"

// A cell is a text of a table and how it looks.
type cell struct {
	text  string
	style style
}

// A column is what a table knows of one of its columns.
type column struct {
	title string
	least int // columns of the screen that it keeps where there is not room for all; zero: all it needs
}

// between are the spaces between two columns.
const between = 2

// table lays cells out in columns, below their titles, and cuts them to the screen where there is one. A
// column in which all cells are empty is left out.
func (s screen) table(columns []column, rows [][]cell) string {
	widths := make([]int, len(columns))
	for _, row := range rows {
		for i, c := range row {
			widths[i] = max(widths[i], width(c.text))
		}
	}
	for i, c := range columns {
		if widths[i] > 0 {
			widths[i] = max(widths[i], width(c.title))
		}
	}
	if s.columns != nil {
		shrink(widths, columns, s.columns()-1)
	}
	titles := make([]cell, len(columns))
	for i, c := range columns {
		titles[i] = cell{c.title, dim}
	}
	var b strings.Builder
	for _, row := range append([][]cell{titles}, rows...) {
		b.WriteString(s.row(row, widths))
	}
	return b.String()
}

// shrink makes columns narrower until they fit into room: always the widest of those that may give way. Where
// none is left, the last one goes.
func shrink(widths []int, columns []column, room int) {
	all := -between
	for _, w := range widths {
		if w > 0 {
			all += w + between
		}
	}
	last := len(widths) - 1
	for all > room && last > 0 {
		widest := -1
		for i, c := range columns {
			if c.least > 0 && widths[i] > c.least && (widest < 0 || widths[i] > widths[widest]) {
				widest = i
			}
		}
		if widest >= 0 {
			widths[widest]--
			all--
			continue
		}
		if widths[last] > 0 {
			all -= widths[last] + between
		}
		widths[last] = 0
		last--
	}
}

func (s screen) row(cells []cell, widths []int) string {
	var b strings.Builder
	gap := 0
	for i, c := range cells {
		if widths[i] == 0 {
			continue
		}
		text := fit(c.text, widths[i])
		if text != "" {
			b.WriteString(strings.Repeat(" ", gap))
			b.WriteString(s.paint(c.style, text))
			gap = 0
		}
		gap += widths[i] - width(text) + between
	}
	return b.String() + "\n"
}
