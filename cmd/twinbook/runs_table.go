package main

import "strings"

// A cell is a text of a table and how it looks.
type cell struct {
	text  string
	short string // instead, on a screen that has not room for all; empty: there is nothing shorter
	style style
}

// A column is what a table knows of one of its columns.
type column struct {
	title string
	least int // columns of the screen that it keeps where there is not room for all; zero: all it needs
	goes  int // where there is not room for that either, which is left out first, from 1; zero: never
}

// between are the spaces between two columns.
const between = 2

// table lays cells out in columns, below their titles, and cuts them to the screen where there is one. A
// column in which all cells are empty is left out.
func (s screen) table(columns []column, rows [][]cell) string {
	widths := widthsOf(columns, rows)
	if s.columns != nil {
		room := s.columns() - 1
		if tableWidth(widths) > room {
			s.fitTable(columns, rows, widths, room)
		}
	}
	titles := make([]cell, len(columns))
	for i, c := range columns {
		titles[i] = cell{text: c.title, style: dim}
	}
	var b strings.Builder
	for _, row := range append([][]cell{titles}, rows...) {
		b.WriteString(s.row(row, widths))
	}
	return b.String()
}

// widthsOf are the widths that columns need; zero: of one that is empty.
func widthsOf(columns []column, rows [][]cell) []int {
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
	return widths
}

func tableWidth(widths []int) int {
	all := -between
	for _, w := range widths {
		if w > 0 {
			all += w + between
		}
	}
	return all
}

// fitTable changes rows and widths until they fit into room: columns become narrower, always the widest of those that
// may give way; then short texts take the place of long ones; then columns go.
func (s screen) fitTable(columns []column, rows [][]cell, widths []int, room int) {
	narrow(columns, widths, room)
	if tableWidth(widths) <= room {
		return
	}
	for _, row := range rows {
		for i := range row {
			if row[i].short != "" {
				row[i].text = row[i].short
			}
		}
	}
	full := widthsOf(columns, rows)
	copy(widths, full)
	narrow(columns, widths, room)
	for tableWidth(widths) > room && leaveOut(columns, full) {
		copy(widths, full)
		narrow(columns, widths, room)
	}
}

// narrow takes width from columns that may give way, always from the widest, until they fit into room.
func narrow(columns []column, widths []int, room int) {
	for all := tableWidth(widths); all > room; all-- {
		widest := -1
		for i, c := range columns {
			if c.least > 0 && widths[i] > c.least && (widest < 0 || widths[i] > widths[widest]) {
				widest = i
			}
		}
		if widest < 0 {
			return
		}
		widths[widest]--
	}
}

// leaveOut takes out the next column to go. False: there is none.
func leaveOut(columns []column, widths []int) bool {
	gone := -1
	for i, c := range columns {
		if c.goes > 0 && widths[i] > 0 && (gone < 0 || c.goes < columns[gone].goes) {
			gone = i
		}
	}
	if gone >= 0 {
		widths[gone] = 0
	}
	return gone >= 0
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
