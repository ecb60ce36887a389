/**
 * Azure tells of evictions and maintenance only inside the machine: scheduled events of the Instance Metadata Service, about 30 s ahead of
 * an eviction. This script asks every second, as Azure advises, and passes each event on once. It needs sh, curl and any awk. The first
 * answer of the service can take two minutes. The token goes to curl through a pipe, so that no list of processes shows it.
 */
export const NOTICE_RELAY_SCRIPT = String.raw`#!/bin/sh
# Tells the broker about the scheduled events of the machine in which this runs.
set -u
: "${'$'}{GPU_BROKER_CALLBACK_URL:?}" "${'$'}{GPU_BROKER_CALLBACK_TOKEN:?}"
url="${'$'}{GPU_BROKER_METADATA_URL:-http://169.254.169.254}/metadata/scheduledevents?api-version=2020-07-01"
tab=$(printf '\t')
told=
pause=1

# One line per event of the document: its id, a tab, the body of the call.
events() {
  awk '
    function field(object, name,    rest, value, c) {
      if (!match(object, "\"" name "\"[ \t]*:[ \t]*\"")) return ""
      rest = substr(object, RSTART + RLENGTH)
      value = ""
      while (rest != "") {
        c = substr(rest, 1, 1)
        if (c == "\"") break
        if (c == "\\") c = substr(rest, 1, 2)
        value = value c
        rest = substr(rest, length(c) + 1)
      }
      return value
    }
    # "Mon, 19 Sep 2016 18:29:47 GMT" as RFC 3339.
    function moment(text,    part, month) {
      if (split(text, part, /[ ,:]+/) < 7) return "null"
      month = (index("JanFebMarAprMayJunJulAugSepOctNovDec", part[3]) + 2) / 3
      if (month < 1) return "null"
      return sprintf("\"%04d-%02d-%02dT%02d:%02d:%02dZ\"", part[4], month, part[2], part[5], part[6], part[7])
    }
    function tell(object,    type, kind) {
      type = field(object, "EventType")
      kind = (type == "Preempt" || type == "Terminate") ? "notice" : "maintenance"
      printf "%s\t{\"kind\":\"%s\",\"message\":\"%s: %s\",\"deadlineAt\":%s}\n", field(object, "EventId"), kind, type, field(object, "Description"), moment(field(object, "NotBefore"))
    }
    { text = text $0 }
    END {
      if (!match(text, /"Events"[ \t]*:/)) exit
      rest = substr(text, RSTART + RLENGTH)
      depth = 0; quoted = 0; object = ""
      for (at = 1; at <= length(rest); at++) {
        c = substr(rest, at, 1)
        if (depth > 0) object = object c
        if (quoted) {
          if (c == "\\") { at++; object = object substr(rest, at, 1) }
          else if (c == "\"") quoted = 0
        } else if (c == "\"") quoted = 1
        else if (c == "{") { if (depth++ == 0) object = c }
        else if (c == "}") { if (--depth == 0) tell(object) }
      }
    }
  '
}

tell_broker() {
  printf 'header = "Authorization: Bearer %s"\n' "$GPU_BROKER_CALLBACK_TOKEN" |
    curl -fsS --config - --connect-timeout 5 --max-time 10 -o /dev/null -H 'Content-Type: application/json' \
      --data-binary "$1" "$GPU_BROKER_CALLBACK_URL" 2>/dev/null
}

while :; do
  if document=$(curl -fsS --noproxy '*' --connect-timeout 5 --max-time 130 -H 'Metadata: true' "$url" 2>/dev/null); then
    failed=0
    lines=$(printf '%s\n' "$document" | events)
    while IFS="$tab" read -r id body; do
      [ -n "$id" ] || continue
      case " $told " in *" $id "*) continue ;; esac
      if tell_broker "$body"; then told="$told $id"; else failed=1; fi
    done <<END
$lines
END
  else
    failed=1
  fi
  # Backs off while something does not answer, but never for a good part of the half minute that a notice gives.
  if [ "$failed" = 0 ]; then pause=1; elif [ "$pause" -lt 8 ]; then pause=$((pause * 2)); fi
  sleep "$pause"
done
`;
