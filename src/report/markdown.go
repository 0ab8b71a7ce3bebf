package report

import (
	"fmt"
	"regexp"
	"strings"
)

// Markdown is text of others as words on one line: nothing in it is a mark, a tag or the end of a table's cell, and
// GitHub and GitLab make neither a mention, a link nor a picture of it. They look for those in the text of the finished
// page, where an escaped character is the character itself, so a space without width parts what they look for.
func Markdown(text string) string {
	text = printable(text) // which leaves no such space in it
	for _, p := range autolinks {
		text = p.ReplaceAllString(text, "${1}\u200b${2}")
	}
	var out strings.Builder
	for _, r := range text {
		switch {
		case strings.ContainsRune("\\`*_{}[]|#~!$", r):
			out.WriteByte('\\')
			out.WriteRune(r)
		case strings.ContainsRune("<>&@\u200b", r):
			fmt.Fprintf(&out, "&#%d;", r)
		default:
			out.WriteRune(r)
		}
	}
	return out.String()
}

// autolinks match what becomes a mention, a reference, a link or a picture without a mark, parted where the space goes;
// compiled once, never changed. Sources: GitHub Docs, "Autolinked references and URLs"; GitHub Flavored Markdown, 6.9;
// GitLab Docs, "GitLab-specific references".
var autolinks = []*regexp.Regexp{
	regexp.MustCompile(`([@#!&~$])([\pL\pN_"])`),      // people, issues; GitLab's merge requests, labels, …
	regexp.MustCompile(`((?:^|[^0-9])%)([\pL\pN_"])`), // milestones, but not 50%ile
	regexp.MustCompile(`(:)(//)`),
	regexp.MustCompile(`(?i)\b(www)(\.)`),
	regexp.MustCompile(`(?i)\b(mailto|xmpp)(:)`),
	regexp.MustCompile(`(?i)\b(gh)(-[0-9])`),
	regexp.MustCompile(`(:)([a-zA-Z+-][\w+-]*:)`),
}

// markdownItem is Markdown for the text of a list's item, in which the first characters could begin another list.
func markdownItem(text string) string {
	return listMark.ReplaceAllString(Markdown(strings.TrimLeft(text, " ")), `${1}\${2}`)
}

// listMark matches the beginning of a list or a line; compiled once, never changed.
var listMark = regexp.MustCompile(`^([0-9]*)([-+=.)])`)
