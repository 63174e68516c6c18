# Made by ./dev completions. Asks vdesk at each TAB, and so knows the commands of the version installed.
# shellcheck shell=bash disable=SC2086,SC2162,SC2206
_vdesk_completion() {
    local IFS=$'\n'
    local response

    response=$(env COMP_WORDS="${COMP_WORDS[*]}" COMP_CWORD=$COMP_CWORD _VDESK_COMPLETE=bash_complete $1)

    for completion in $response; do
        IFS=',' read type value <<< "$completion"

        if [[ $type == 'dir' ]]; then
            COMPREPLY=()
            compopt -o dirnames
        elif [[ $type == 'file' ]]; then
            COMPREPLY=()
            compopt -o default
        elif [[ $type == 'plain' ]]; then
            COMPREPLY+=($value)
        fi
    done

    return 0
}

_vdesk_completion_setup() {
    complete -o nosort -F _vdesk_completion vdesk
}

_vdesk_completion_setup;
