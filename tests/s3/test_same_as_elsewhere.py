"""What rests on the server's own behaviour, by the very tests that run on a folder and on an S3 in
memory.
"""

from tests.unit.corpus.test_fetch import (  # noqa: F401
    test_a_file_over_the_limit,
    test_a_file_that_is_not_there,
    test_an_object_that_changed_since_it_was_listed_is_refused,
    test_uses_of_one_video_share_a_download,
)
from tests.unit.corpus.test_files import (  # noqa: F401
    test_a_folder_that_is_not_there,
    test_a_neighbour_with_the_same_beginning_is_not_inside,
    test_a_uri_of_one_file_lists_that_file,
    test_every_name_is_listed_and_fetched,
    test_the_fingerprint_changes_with_the_bytes,
)
from tests.unit.storage.test_lease import (  # noqa: F401
    test_leases_leave_nothing_behind_but_the_last,
    test_of_many_at_once_one_gets_it,
    test_one_holder_at_a_time,
)
from tests.unit.storage.test_root import (  # noqa: F401
    test_a_missing_file_is_one_readable_line,
    test_arrow_reads_what_was_written,
    test_check_passes_and_leaves_nothing_behind,
    test_first_writer_wins,
    test_folders_are_those_directly_in_the_folder,
    test_names_are_those_directly_in_the_folder,
    test_names_beyond_one_page_of_a_listing,
    test_one_of_many_racers_wins,
    test_written_bytes_come_back,
)
from tests.unit.table.test_frames import (  # noqa: F401
    test_a_commit_that_fails_changes_nothing_and_can_be_repeated,
    test_a_lost_answer_is_no_failure_and_no_second_commit,
    test_another_committer_in_between,
    test_commits_replace_by_video,
)
from tests.unit.table.test_ledger import test_rows_are_merged_by_video  # noqa: F401
from tests.unit.table.test_maintain import (  # noqa: F401
    test_compaction_keeps_every_row_and_the_index,
)
from tests.unit.table.test_publish import (  # noqa: F401
    test_a_put_whose_answer_was_lost_is_recognised,
    test_a_reader_keeps_its_rows,
    test_racers_get_different_numbers,
    test_what_is_published_is_what_is_read,
)
from tests.unit.track.test_tables import test_rows_come_back_as_they_were  # noqa: F401
