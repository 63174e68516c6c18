# shellcheck shell=bash disable=SC2206
# Bash takes an address apart at its colons, and shows no descriptions: vdesk is asked with whole words, and where there
# are several answers each stands with what it is. A name may hold anything: it is put on the line as one quoted word.

# The words of a line as they are typed, into the caller's `words`; the last one is empty after a blank. Sets `open` to
# the quote that is not closed at the end.
_vdesk_words() {
    local line=$1 char word='' number
    local -i begun=0
    words=() open=''
    for ((number = 0; number < ${#line}; number++)); do
        char=${line:number:1}
        if [[ -z $open && $char == [[:space:]] ]]; then
            ((begun)) && words+=("$word")
            word='' begun=0
            continue
        fi
        begun=1 word+=$char
        if [[ $char == \\ && $open != \' ]]; then
            number+=1
            word+=${line:number:1}
        elif [[ $char == [\'\"] ]]; then
            if [[ -z $open ]]; then open=$char; elif [[ $open == "$char" ]]; then open=''; fi
        fi
    done
    words+=("$word")
}

_vdesk_completion() {
    local IFS=$' \t\n' line=${COMP_LINE:0:COMP_POINT} cur before open type value quoted about column=0
    local -a words values=() abouts=()
    _vdesk_words "$line"
    cur=${words[-1]}
    COMPREPLY=()
    IFS=$'\n'
    while read -r type && read -r value && read -r about; do
        value=${value//\\:/:}
        case $type in
            dir) compopt -o dirnames ;;
            file) compopt -o default ;;
            plain)
                printf -v quoted %q "$value"
                # Behind an open quote only what needs none can be put in.
                [[ -n $open && $quoted != "$value" ]] && continue
                values+=("$quoted")
                abouts+=("$about")
                ((${#quoted} > column)) && column=${#quoted}
                ;;
        esac
    done < <(env COMP_WORDS="$line$open" COMP_CWORD=$((${#words[@]} - 1)) _VDESK_COMPLETE=zsh_complete "$1")
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
