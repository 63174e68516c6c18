# shellcheck shell=bash disable=SC2206
# Bash takes an address apart at its colons, and shows no descriptions: vdesk is asked with whole words, and where there
# are several answers each stands with what it is.
_vdesk_completion() {
    local IFS=$' \t\n' line=${COMP_LINE:0:COMP_POINT} cur before type value about column=0
    local -a words values=() abouts=()
    read -ra words <<<"$line"
    [[ $line == *[[:space:]] ]] && words+=("")
    cur=${words[-1]}
    COMPREPLY=()
    IFS=$'\n'
    while read -r type && read -r value && read -r about; do
        value=${value//\\:/:}
        case $type in
            dir) compopt -o dirnames ;;
            file) compopt -o default ;;
            plain)
                values+=("$value")
                abouts+=("$about")
                ((${#value} > column)) && column=${#value}
                ;;
        esac
    done < <(env COMP_WORDS="${words[*]}" COMP_CWORD=$((${#words[@]} - 1)) _VDESK_COMPLETE=zsh_complete "$1")
    # Readline has what stands before the last colon already.
    before=
    [[ $cur == *:* && $COMP_WORDBREAKS == *:* ]] && before=${cur%"${cur##*:}"}
    local number
    for number in "${!values[@]}"; do
        value=${values[number]}
        if ((${#values[@]} > 1)) && [[ ${abouts[number]} != _ ]]; then
            printf -v value '%-*s  (%s)' "$column" "$value" "${abouts[number]}"
            value=${value:0:${COLUMNS:-80} - 4}
        fi
        COMPREPLY+=("${value#"$before"}")
    done
}

complete -o nosort -F _vdesk_completion vdesk
