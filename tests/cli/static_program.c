/* SPDX-License-Identifier: MIT */
/* A program that LD_AUDIT does not reach. */
int main(void)
{
    return 0;
}
