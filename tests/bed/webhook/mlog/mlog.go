// Package mlog has the few names of the module monis.app/mlog that the webhook's handler calls. That module is served by its
// own host alone, which many build machines do not reach; it does nothing here but write log lines.
package mlog

import "log/slog"

// LogLevel is a level of the original.
type LogLevel string

// The levels that the handler tells apart.
const (
	LevelWarning LogLevel = ""
	LevelInfo    LogLevel = "info"
	LevelDebug   LogLevel = "debug"
	LevelTrace   LogLevel = "trace"
	LevelAll     LogLevel = "all"
)

// Enabled says whether lines of that level are written: warnings and what is above them.
func Enabled(level LogLevel) bool { return level == LevelWarning }

// Logger writes lines with a name and values.
type Logger struct{ inner *slog.Logger }

// New gives a logger without a name.
func New() Logger { return Logger{slog.Default()} }

// WithName gives one with a name.
func (l Logger) WithName(name string) Logger { return Logger{l.inner.With("logger", name)} }

// WithValues gives one with more values.
func (l Logger) WithValues(values ...any) Logger { return Logger{l.inner.With(values...)} }

// Error writes an error.
func (l Logger) Error(message string, err error, values ...any) {
	l.inner.Error(message, append(values, "error", err)...)
}

// Warning writes a warning.
func (l Logger) Warning(message string, values ...any) { l.inner.Warn(message, values...) }

// Info writes information.
func (l Logger) Info(message string, values ...any) { l.inner.Info(message, values...) }

// Debug writes details.
func (l Logger) Debug(message string, values ...any) { l.inner.Debug(message, values...) }

// Trace writes more details.
func (l Logger) Trace(message string, values ...any) { l.inner.Debug(message, values...) }
