# Judges the imports between the rooms of one crate: the files and folders directly below `src`, without lib.rs and main.rs, which
# stand above them all. `order` names the rooms from the top down: a room imports those below it only, so that there is no circle.
# `known` lists the imports that still go up, as `room>room`; one that no file has any more is reported too, so that the list shrinks.
# What is only compiled for tests is left out.
BEGIN {
    count = split(order, names, " ")
    for (i = 1; i <= count; i++) floor[names[i]] = i
    count = split(known, names, " ")
    for (i = 1; i <= count; i++) unused[names[i]] = 1
}
FNR == 1 {
    room = FILENAME
    sub(/^.*\/src\//, "", room)
    sub(/(\/.*|\.rs)$/, "", room)
    in_test = 0
    if (!(room in floor)) print FILENAME ": room " room " is not in the order of its crate"
}
# A test item ends where rustfmt closes it: at its own indentation.
/^ *#\[cfg\(test\)\]$/ { match($0, /^ */); indent = substr($0, 1, RLENGTH); in_test = 1; next }
in_test {
    rest = substr($0, length(indent) + 1)
    if (index($0, indent) == 1 && rest ~ /^([}]|[^ ].*;$)/) in_test = 0
    next
}
/^ *\/\// { next }
{
    # `crate::{a, b}` names a and b, on the same line or on those that follow.
    while (match($0, /crate::[{][^}]*[}]/)) {
        group = substr($0, RSTART + 8, RLENGTH - 9)
        gsub(/, */, " crate::", group)
        $0 = substr($0, 1, RSTART - 1) "crate::" group substr($0, RSTART + RLENGTH)
    }
    if (/crate::[{]/) print FILENAME ":" FNR ": name the imported room on the same line as crate::"
    rest = $0
    while (match(rest, /crate::[a-z_]+/)) {
        other = substr(rest, RSTART + 7, RLENGTH - 7)
        rest = substr(rest, RSTART + RLENGTH)
        # What is no room is a macro, or an item of lib.rs.
        if (other == room || !(other in floor) || floor[room] < floor[other]) continue
        edge = room ">" other
        delete unused[edge]
        if (!index(" " known " ", " " edge " ")) print FILENAME ":" FNR ": " room " imports " other ", which is above it"
    }
}
END { for (edge in unused) print edge ": no import goes this way any more; take it off the list" }
