// SPDX-License-Identifier: MIT
// error: percpu: the operand's size is not 1, 2, 4 or 8 bytes
#include <percpu/percpu.h>

__extension__ typedef __int128 wide;
static PERCPU_DEFINE(wide, huge);

int use(void);
int use(void)
{
#ifdef GOOD
    return (int)*percpu_current_ptr(huge);
#else
    return (int)percpu_read(huge);
#endif
}
