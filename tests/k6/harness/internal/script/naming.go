package script

import (
	"reflect"
	"strings"
	"unicode"
)

// naming gives Go's names to JavaScript as k6's documentation says ("About the Go-to-JS bridge"): methods in camel
// case, fields in snake case unless the tag `js` names or hides them.
type naming struct{}

// FieldName returns the name of a field; "" hides it.
func (naming) FieldName(_ reflect.Type, field reflect.StructField) string {
	if tag, found := field.Tag.Lookup("js"); found {
		name, _, _ := strings.Cut(tag, ",")
		if name == "-" {
			return ""
		}
		return name
	}
	return snakeCase(field.Name)
}

// MethodName returns the name of a method. A leading X marks a constructor and is left out.
func (naming) MethodName(_ reflect.Type, method reflect.Method) string {
	runes := []rune(method.Name)
	if len(runes) > 1 && runes[0] == 'X' && unicode.IsUpper(runes[1]) {
		return string(runes[1:])
	}
	return strings.ToLower(string(runes[:1])) + string(runes[1:])
}

// snakeCase writes RemoteIP as remote_ip and HTTPStatus as http_status.
func snakeCase(name string) string {
	runes, text := []rune(name), strings.Builder{}
	for at, each := range runes {
		afterLower := at > 0 && !unicode.IsUpper(runes[at-1])
		beforeLower := at > 0 && at+1 < len(runes) && unicode.IsLower(runes[at+1])
		if unicode.IsUpper(each) && (afterLower || beforeLower) {
			text.WriteByte('_')
		}
		text.WriteRune(unicode.ToLower(each))
	}
	return text.String()
}
